/** @file The page when it cannot go on, and the page after leaving: what happened, what to do, and the conversation to save.
 *
 * Draws a problem of state.js; knows nothing of how it came about. Made by app.js.
 */

import { button, h } from './dom.js';
import { hasWords } from './captions.js';
import { exportButtons } from './view-menu.js';

/** @typedef {import('./app.js').Context} Context */

/** @param {Context} context @param {import('./state.js').State} state */
export function endView(context, state) {
  const { t, session, actions } = context;
  const words = session.conversation.lines.some(hasWords);
  const left = state.phase === 'left';
  const kind = state.problem?.kind ?? 'lost';
  const title = left ? t('left_title') : t(`${kind}_title`);
  const merchant = state.role === 'merchant';
  let text = '';
  if (!left) text = kind === 'expired' && merchant ? t('expired_merchant') : t(`${kind}_text`);
  /** @type {[string, () => void][]} */
  const doing = [];
  if (left) doing.push([t('start_again'), () => actions.startAgain()]);
  else if (kind === 'lost' || ((kind === 'expired' || kind === 'full') && merchant)) doing.push([t('start_again'), () => actions.retry()]);
  else if (kind === 'insecure') doing.push([t('insecure_button'), () => actions.openSecure()]);
  else if (kind === 'outdated') doing.push([t('reload'), () => location.reload()]);
  else if (kind !== 'expired' && kind !== 'elsewhere') doing.push([t('try_again'), () => actions.retry()]);
  const waits = state.problem?.retryAt != null;
  return {
    element: h(
      'main', { class: 'page end-page' },
      h('div', { class: 'end-card', role: left ? null : 'alert', 'data-testid': left ? 'left' : 'error', 'data-problem': left ? null : kind },
        h('img', { src: '/icon.svg', alt: '', width: 56, height: 56 }),
        h('h1', {}, title),
        text ? h('p', { class: 'lead' }, text) : null,
        kind === 'insecure' && !left ? h('p', { class: 'hint' }, t('cert_text')) : null,
        waits ? h('div', { class: 'pulse small-pulse', 'aria-hidden': 'true' }) : null,
      ),
      h('p', { class: 'visually-hidden', role: 'status', 'data-testid': 'state', 'data-state': left ? 'left' : 'problem' }, title),
      ...doing.map(([label, onclick], i) => button(null, { text: label }, { class: i === 0 ? 'primary' : 'wide', 'data-testid': 'end-action', onclick })),
      words ? h('section', { class: 'card' }, h('h2', {}, t('save_title')), exportButtons(context)) : null,
    ),
    update: () => {},
  };
}
