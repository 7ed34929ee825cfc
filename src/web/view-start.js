/** @file The first page: one's language, and the one tap. Merchant and buyer see the same with other words.
 *
 * Draws what it is given and calls `actions`; knows nothing of sockets or storage. Made by app.js.
 */

import { button, field, h, icon, select, setText } from './dom.js';
import { UI_LANGUAGES } from './i18n.js';
import { LANGUAGES, nativeName } from './languages.js';

/** @typedef {import('./app.js').Context} Context */

/** Choices of languages and voice, on this page and in the menu. @param {Context} context @param {boolean} both whether what is heard can differ @returns {HTMLElement[]} */
export function languageFields({ t, settings, actions, languages }, both) {
  const known = LANGUAGES.filter(([tag]) => languages.length === 0 || languages.includes(tag));
  const voices = /** @type {const} */ ([['female', t('voice_female')], ['male', t('voice_male')]]);
  const speak = field(
    t('my_language'),
    select(known, settings.language ?? 'en', { 'data-testid': 'speak-language' }, (value) => actions.chooseLanguage(value)),
  );
  if (!both) return [speak];
  return [
    speak,
    field(t('hear_language'), select(known, settings.hear ?? settings.language ?? 'en', { 'data-testid': 'hear-language' }, (value) => actions.chooseHear(value))),
    field(t('voice'), select(voices, settings.voice, { 'data-testid': 'voice' }, (value) => actions.chooseVoice(value === 'male' ? 'male' : 'female'))),
  ];
}

/** The language of the page itself. @param {Context} context @param {string} testid */
export function interfaceField({ t, ui, actions }, testid = 'ui-language') {
  const options = UI_LANGUAGES.map((tag) => /** @type {const} */ ([tag, nativeName(tag)]));
  return select(options, ui, { 'aria-label': t('ui_language'), 'data-testid': testid }, (value) => actions.chooseInterface(value));
}

/** @param {Context} context @param {import('./state.js').State} state */
export function startView(context, state) {
  const { t, actions } = context;
  const start = button('mic', { text: t('start_button') }, { class: 'primary start', 'data-testid': 'start', onclick: () => actions.start() });
  const status = h('p', { class: 'visually-hidden', role: 'status', 'data-testid': 'state' });
  const slow = h('p', { class: 'hint warn-text', role: 'status', hidden: true });
  const [speak, ...more] = languageFields(context, true);
  const element = h(
    'main', { class: 'page start-page' },
    h('header', { class: 'brand' },
      h('img', { src: '/icon.svg', alt: '', width: 40, height: 40 }),
      h('span', { class: 'brand-name' }, h('span', { lang: 'zh-Hans' }, '同传'), ' tongchuan'),
      h('span', { class: 'choose-interface' }, icon('globe'), interfaceField(context)),
    ),
    h('div', { class: 'start-middle' },
      h('h1', {}, t('tagline')),
      h('p', { class: 'lead' }, state.role === 'merchant' ? t('start_merchant') : t('start_buyer')),
      h('div', { class: 'card' }, speak, h('details', {}, h('summary', {}, t('more_choices')), ...more)),
    ),
    h('footer', { class: 'start-footer' }, start, slow, h('p', { class: 'hint' }, t('privacy')), status),
  );
  /** @param {import('./state.js').State} next */
  const update = (next) => {
    const busy = next.phase === 'joining';
    start.disabled = busy;
    start.classList.toggle('busy', busy);
    const words = start.querySelector('span');
    if (words) setText(words, busy ? t('starting') : t('start_button'));
    setText(status, busy ? t('state_connecting') : '');
    status.dataset.state = busy ? next.link : 'start';
    // The first try failed: it goes on trying, and says what may be wrong.
    slow.hidden = !(busy && next.link === 'reconnecting');
    setText(slow, slow.hidden ? '' : `${t('unreachable_title')}. ${t('unreachable_text')}`);
  };
  update(state);
  return { element, update };
}
