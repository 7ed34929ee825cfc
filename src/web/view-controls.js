/** @file The bottom of the talk page: mute, hold to talk, type. Draws the microphone's state and level; what they do is session.js's.
 *
 * Hold-to-talk works with a finger, with the keyboard (Space or Enter held) and with a screen reader's double tap (which toggles).
 */

import { button, h, icon, setText } from './dom.js';

/** Quietest and loudest microphone level on the meter, dBFS. */
const QUIET = -60;
const LOUD = -15;
/** What the server takes in one message. */
const MAX_TYPED = 500;

/** @param {import('./app.js').Context} context */
export function controlsView({ t, session }) {
  const mute = button('mic', { text: t('mute') }, { class: 'control mute', 'data-testid': 'mute', 'aria-pressed': 'false', onclick: onMute });
  mute.prepend(icon('micOff'));
  const hold = button(null, { text: t('hold') }, { class: 'control hold', 'data-testid': 'hold', 'aria-pressed': 'false' });
  const type = button('keyboard', { text: t('type') }, { class: 'control type', 'data-testid': 'type', 'aria-expanded': 'false', onclick: () => typing(true) });
  const input = h('input', {
    type: 'text', maxlength: MAX_TYPED, enterkeyhint: 'send', autocomplete: 'off', 'data-testid': 'type-input', 'aria-label': t('type_placeholder'), placeholder: t('type_placeholder'),
    dir: 'auto',
  });
  const form = h(
    'form', { class: 'typing', hidden: true, onsubmit: onSend },
    button('close', { label: t('close') }, { class: 'round', 'data-testid': 'type-close', onclick: () => typing(false) }),
    input,
    button('send', { label: t('send') }, { class: 'round primary-round', 'data-testid': 'type-send', type: 'submit' }),
  );
  const talk = h('div', { class: 'talking' }, mute, hold, type);
  const element = h('footer', { class: 'controls' }, talk, form);

  function onMute() {
    if (session.state.hold) session.openMicrophone();
    else session.setMuted(!session.state.muted);
  }

  /** @param {boolean} on */
  function typing(on) {
    form.hidden = !on;
    talk.hidden = on;
    type.setAttribute('aria-expanded', String(on));
    if (on) input.focus();
    else type.focus();
  }

  /** @param {Event} event */
  function onSend(event) {
    event.preventDefault();
    if (session.say(input.value)) input.value = '';
    input.focus();
  }
  form.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') typing(false);
  });

  // A finger: held while it is down, wherever it moves. Captured, so that letting go beside the button counts.
  let handled = false;
  hold.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    handled = true;
    hold.setPointerCapture(event.pointerId);
    session.hold(true);
  });
  for (const name of ['pointerup', 'pointercancel', 'lostpointercapture']) hold.addEventListener(name, () => session.state.held && session.hold(false));
  hold.addEventListener('contextmenu', (event) => event.preventDefault());
  // The keyboard: held while the key is down.
  hold.addEventListener('keydown', (event) => {
    if (event.key !== ' ' && event.key !== 'Enter') return;
    event.preventDefault();
    if (!event.repeat) session.hold(true);
  });
  hold.addEventListener('keyup', (event) => {
    if (event.key === ' ' || event.key === 'Enter') session.hold(false);
  });
  hold.addEventListener('blur', () => session.state.held && session.hold(false));
  // A screen reader sends only a click: the first presses, the second releases.
  hold.addEventListener('click', () => {
    if (!handled) session.hold(!session.state.held);
    handled = false;
  });

  /** @param {import('./state.js').State} state */
  function update(state) {
    const off = state.hold ? !state.held : state.muted;
    const usable = state.mic.state === 'on' || state.mic.state === 'muted';
    mute.disabled = !usable && !state.hold;
    hold.disabled = !usable;
    const words = mute.querySelector('span');
    if (words) setText(words, state.hold ? t('open_mic') : state.muted ? t('unmute') : t('mute'));
    mute.setAttribute('aria-pressed', String(!state.hold && state.muted));
    mute.classList.toggle('off', !state.hold && (state.muted || !usable));
    const held = hold.querySelector('span');
    if (held) setText(held, state.held ? t('holding') : t('hold'));
    hold.setAttribute('aria-pressed', String(state.held));
    hold.classList.toggle('held', state.held);
    hold.classList.toggle('armed', state.hold);
    element.classList.toggle('speaking', state.speaking && !off);
    if (off || !usable) level(QUIET);
  }

  /** @param {number} db */
  function level(db) {
    const share = Math.min(1, Math.max(0, (db - QUIET) / (LOUD - QUIET)));
    element.style.setProperty('--level', share.toFixed(2));
  }

  update(session.state);
  return { element, update, level };
}
