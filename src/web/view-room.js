/** @file The page in the room: who is there, what is wrong and what to tap, captions or the invitation, and the controls.
 *
 * Draws the state; each part decides for itself what changed. Made by app.js, which tells it of changes.
 */

import { thisBrowser } from './browser.js';
import { button, h, setText } from './dom.js';
import { nameIn } from './languages.js';
import { isSilenced, peerState } from './state.js';
import { captionsView } from './view-captions.js';
import { controlsView } from './view-controls.js';
import { fullView } from './view-full.js';
import { inviteView } from './view-invite.js';
import { menuView } from './view-menu.js';

/** @typedef {import('./app.js').Context} Context */
/** @typedef {import('./state.js').State} State */
/** @typedef {{key: string, kind: 'bad' | 'wait' | 'ask', text: string, more?: string, actions?: [string, () => void][]}} Banner */

/**
 * What a person must know now, the most urgent first.
 * @param {Context} context @param {State} state @param {import('./browser.js').Kind} browser @returns {Banner[]}
 */
export function banners({ t, session, actions }, state, browser) {
  /** @type {Banner[]} */
  const all = [];
  const again = /** @type {[string, () => void]} */ ([t('try_again'), () => session.startMicrophone()]);
  if (state.link === 'reconnecting') all.push({ key: 'link', kind: 'wait', text: state.restarting ? t('restarting') : t('reconnecting') });
  else if (state.restarting) all.push({ key: 'link', kind: 'wait', text: t('restarting') });
  if (state.mic.state === 'denied') {
    const more = { ios: t('mic_ios'), android: t('mic_android'), firefox: t('mic_firefox'), desktop: t('mic_desktop'), inapp: t('mic_inapp') }[browser];
    all.push({ key: 'mic-denied', kind: 'bad', text: t('mic_denied'), more, actions: [again] });
  }
  if (state.mic.state === 'missing') all.push({ key: 'mic-missing', kind: 'bad', text: t('mic_missing'), ...(browser === 'inapp' ? { more: t('mic_inapp') } : {}), actions: [again] });
  if (state.mic.state === 'interrupted') all.push({ key: 'mic-interrupted', kind: 'ask', text: t('mic_interrupted'), actions: [[t('mic_resume'), () => session.startMicrophone()]] });
  if (isSilenced(state)) {
    all.push({ key: 'audio', kind: 'ask', text: t('audio_blocked'), actions: [[t('audio_unblock'), () => actions.unlock()]] });
  }
  const peer = peerState(state);
  if (peer === 'gone' && state.link === 'open') {
    /** @type {[string, () => void][]} */
    const merchant = [[t('show_qr'), () => actions.showInvitation()], [t('new_conversation'), () => actions.newConversation()]];
    const text = state.gone === 'bye' ? t('peer_gone') : state.gone ? t('peer_lost') : t('peer_waiting');
    all.push({ key: `gone-${state.gone}`, kind: 'ask', text, actions: state.role === 'merchant' ? merchant : [] });
  }
  if (state.notice === 'behind') all.push({ key: 'notice', kind: 'ask', text: t('behind') });
  if (state.notice === 'rate_limited') all.push({ key: 'notice', kind: 'ask', text: t('slow_down') });
  return all;
}

/** @param {Context} context @param {State} state */
export function roomView(context, state) {
  const { t, session, settings, actions, ui } = context;
  const browser = thisBrowser();
  const full = fullView(context);
  const menu = menuView(context, () => showInvitation());
  const captions = captionsView(context, full.open);
  const controls = controlsView(context);

  const dot = h('span', { class: 'dot', 'aria-hidden': 'true' });
  const peerText = h('span', { class: 'peer-text' });
  const peer = h('p', { class: 'peer', role: 'status', 'data-testid': 'peer-state' }, dot, peerText);
  const link = h('p', { class: 'visually-hidden', role: 'status', 'data-testid': 'state' });
  const sound = button('volume', { label: t('read_only') }, { class: 'round', 'data-testid': 'read-only', 'aria-pressed': 'false', onclick: () => actions.setReadOnly(!settings.readOnly) });
  const open = button('menu', { label: t('menu') }, { class: 'round', 'data-testid': 'menu', 'aria-haspopup': 'dialog', onclick: () => menu.open() });
  const header = h('header', { class: 'bar' }, peer, link, h('div', { class: 'bar-actions' }, sound, open));
  const tells = h('div', { class: 'banners', 'aria-live': 'assertive' });
  const middle = h('main', { class: 'middle' });
  const element = h('div', { class: 'page room-page' }, header, tells, middle, controls.element, menu.element, full.element);

  /** @type {ReturnType<typeof inviteView> | null} */
  let invite = null;
  const over = h('dialog', { class: 'sheet invite-sheet', 'aria-label': t('show_qr') });
  element.append(over);
  over.addEventListener('close', () => {
    overInvite?.stop();
    overInvite = null;
    over.replaceChildren();
  });
  /** @type {ReturnType<typeof inviteView> | null} */
  let overInvite = null;

  function showInvitation() {
    menu.close();
    session.invite();
    overInvite = inviteView(context);
    over.replaceChildren(
      h('div', { class: 'sheet-head' }, h('h2', {}, t('show_qr')), button('close', { label: t('close') }, { class: 'round', 'data-testid': 'invite-close', onclick: () => over.close() })),
      overInvite.element,
    );
    over.showModal();
  }

  /** @type {'invite' | 'wait' | 'talk' | null} */
  let showing = null;
  /** @param {State} now */
  function showMiddle(now) {
    const talk = peerState(now) !== 'waiting' || session.conversation.lines.length > 0;
    const next = talk ? 'talk' : now.role === 'merchant' ? 'invite' : 'wait';
    if (next === showing) return;
    showing = next;
    element.dataset.showing = next;
    invite?.stop();
    invite = null;
    if (next === 'talk') {
      middle.replaceChildren(h('h1', { class: 'visually-hidden' }, t('conversation')), captions.element);
      captions.toEnd();
      if (over.open) over.close();
    } else if (next === 'invite') {
      invite = inviteView(context);
      middle.replaceChildren(h('h1', { class: 'wait-title' }, t('wait_title')), invite.element);
    } else {
      middle.replaceChildren(h('div', { class: 'wait' }, h('div', { class: 'pulse', 'aria-hidden': 'true' }), h('h1', { class: 'wait-title' }, t('wait_title')), h('p', {}, t('wait_buyer'))));
    }
  }

  let told = '';
  /** @param {State} now */
  function showBanners(now) {
    const list = banners(context, now, browser);
    const key = list.map((b) => b.key).join();
    if (key === told) return;
    told = key;
    tells.replaceChildren(
      ...list.slice(0, 2).map((b) =>
        h(
          'div', { class: `banner banner-${b.kind}`, 'data-testid': b.kind === 'bad' ? 'error' : 'banner', 'data-banner': b.key },
          h('div', { class: 'banner-words' }, h('p', {}, b.text), b.more ? h('p', { class: 'banner-more' }, b.more) : null),
          ...(b.actions ?? []).map(([text, onclick]) => button(null, { text }, { class: 'banner-action', onclick })),
        ),
      ),
    );
  }

  let here = peerState(state);
  /** @param {State} now */
  function update(now) {
    // Before there is a connection nobody knows who is there.
    const unknown = now.peers.length === 0 && now.link !== 'open';
    const where = unknown ? 'waiting' : peerState(now);
    const other = now.peers[0];
    const words = {
      here: t('peer_here', { language: other ? nameIn(other.speak === 'auto' ? other.hear : other.speak, ui) : '' }),
      away: t('peer_away'), waiting: t('peer_waiting'), gone: now.gone === 'bye' ? t('peer_gone') : now.gone ? t('peer_lost') : t('peer_waiting'),
    }[where];
    const linkText = { connecting: t('state_connecting'), open: t('state_open'), reconnecting: t('state_reconnecting'), closed: t('state_closed') }[now.link];
    setText(peerText, unknown ? linkText : words);
    peer.dataset.state = where;
    setText(link, linkText);
    link.dataset.state = now.link;
    element.dataset.link = now.link;
    sound.setAttribute('aria-pressed', String(settings.readOnly));
    sound.classList.toggle('off', settings.readOnly);
    showMiddle(now);
    showBanners(now);
    controls.update(now);
    captions.playing(now.playing);
    menu.update(now);
    if (where === 'here' && here !== 'here' && over.open) over.close();
    here = where;
  }
  update(state);
  return {
    element, update, line: (/** @type {import('./captions.js').Line} */ line) => { captions.update(line); full.update(line); }, lines: () => { captions.updateAll(); showMiddle(session.state); }, level: controls.level, showInvitation,
    stop: () => { invite?.stop(); overInvite?.stop(); },
  };
}
