/** @file The menu: languages and voice, sound, the code again, saving and sharing, the page's language, leaving. A sheet from below.
 *
 * Draws settings and calls `actions`; the files are written by export.js on the device. Part of the room page.
 */

import { button, field, h, setText } from './dom.js';
import { fileName, save, share, toJson, toSrt, toText } from './export.js';
import { interfaceField, languageFields } from './view-start.js';

/** @typedef {import('./app.js').Context} Context */

/** Buttons that save the conversation from this device. @param {Context} context */
export function exportButtons({ t, session, settings }) {
  const lines = () => session.conversation.lines;
  const started = () => session.conversation.startedAt;
  const hear = () => settings.hear ?? settings.language ?? 'en';
  const names = { me: t('you'), other: t('other') };
  const text = () => toText(lines(), hear(), names);
  const note = h('p', { class: 'hint' }, t('save_note'));
  return h(
    'div', { class: 'exports' },
    h('div', { class: 'export-row' },
      button(null, { text: t('save_text') }, { 'data-testid': 'export-text', onclick: () => save(fileName(started(), 'txt'), 'text/plain', text()) }),
      button(null, { text: t('save_srt') }, { 'data-testid': 'export-srt', onclick: () => save(fileName(started(), 'srt'), 'application/x-subrip', toSrt(lines(), started(), hear())) }),
      button(null, { text: t('save_json') }, { 'data-testid': 'export-json', onclick: () => save(fileName(started(), 'json'), 'application/json', toJson(lines(), started())) }),
      'share' in navigator ? button('share', { text: t('share') }, { 'data-testid': 'share', onclick: () => share(fileName(started(), 'txt'), text()) }) : null,
    ),
    note,
  );
}

/** @param {Context} context @param {() => void} showInvitation */
export function menuView(context, showInvitation) {
  const { t, session, settings, actions, install } = context;
  const volume = h('input', { type: 'range', min: 0, max: 100, step: 5, value: Math.round(settings.volume * 100), 'data-testid': 'volume' });
  volume.addEventListener('input', () => actions.setVolume(volume.valueAsNumber / 100));
  const readOnly = h('input', { type: 'checkbox', class: 'switch', 'data-testid': 'menu-read-only', checked: settings.readOnly });
  readOnly.addEventListener('change', () => actions.setReadOnly(readOnly.checked));
  const qr = button(null, { text: t('show_qr') }, { class: 'wide', 'data-testid': 'show-qr', onclick: showInvitation });
  const fresh = button(null, { text: t('new_conversation') }, { class: 'wide', 'data-testid': 'new-conversation', onclick: () => actions.newConversation() });
  const app = button(null, { text: t('install') }, { class: 'wide', 'data-testid': 'install', hidden: true, onclick: () => install.ask() });
  const leave = button(null, { text: t('leave') }, { class: 'wide danger', 'data-testid': 'leave', onclick: () => actions.leave() });
  const echo = h('p', { class: 'hint', 'data-testid': 'mic-state' });
  const room = h('p', { class: 'hint', dir: 'auto' });
  const element = h(
    'dialog', { class: 'sheet', 'aria-label': t('menu'), 'data-testid': 'menu-sheet' },
    h('div', { class: 'sheet-head' }, h('h2', {}, t('menu')), button('close', { label: t('close') }, { class: 'round', 'data-testid': 'menu-close', onclick: () => element.close() })),
    h('section', {}, h('h3', {}, t('languages_title')), ...languageFields(context, true)),
    h('section', {},
      h('h3', {}, t('sound_title')),
      field(t('volume'), volume),
      h('label', { class: 'field switch-field' }, h('span', { class: 'field-name' }, t('read_only')), readOnly),
      echo,
    ),
    h('section', {}, h('h3', {}, t('save_title')), exportButtons(context)),
    h('section', { class: 'menu-end' }, qr, fresh, field(t('ui_language'), interfaceField(context, 'menu-ui-language')), app, leave, room),
  );
  // A tap beside the sheet closes it.
  element.addEventListener('click', (event) => {
    if (event.target === element) element.close();
  });

  /** @param {import('./state.js').State} state */
  function update(state) {
    const on = state.mic.state === 'on' || state.mic.state === 'muted';
    setText(echo, !on ? '' : state.mic.echoCancellation ? t('echo_on') : t('echo_off'));
    qr.hidden = fresh.hidden = state.role !== 'merchant';
    setText(room, `${t('room_code')} ${state.room ?? ''}`);
    readOnly.checked = settings.readOnly;
    app.hidden = !install.possible;
  }
  update(session.state);
  return {
    element, update,
    open: () => { update(session.state); element.showModal(); element.scrollTop = 0; },
    close: () => { if (element.open) element.close(); },
  };
}
