/** @file One caption over the whole screen, to be shown to the other person, also turned round for somebody opposite.
 *
 * The words are made as large as fits. Knows captions.js; opened by the captions.
 */

import { amounts, formatAmount } from './amounts.js';
import { reading } from './captions.js';
import { button, h, setText } from './dom.js';

/** Largest and smallest size of the words, in pixels; below, the text scrolls. */
const LARGEST = 160;
const SMALLEST = 22;

/** @param {import('./app.js').Context} context */
export function fullView({ t, settings, ui }) {
  const words = h('p', { class: 'full-words', dir: 'auto', 'data-testid': 'full-words' });
  const amount = h('p', { class: 'full-amounts', dir: 'ltr' });
  const body = h('div', { class: 'full-body', tabindex: '0' }, words, amount);
  let turned = false;
  /** What is shown, while it is. @type {import('./captions.js').Line | null} */
  let shown = null;
  let texts = /** @type {import('./captions.js').Text[]} */ ([]);
  let index = 0;
  const swap = button('swap', { label: t('other_text') }, { class: 'round', 'data-testid': 'full-swap', onclick: () => show(index + 1) });
  const turn = button('rotate', { label: t('rotate') }, { class: 'round', 'data-testid': 'rotate', 'aria-pressed': 'false', onclick: () => rotate(!turned) });
  const close = button('close', { label: t('close') }, { class: 'round', 'data-testid': 'full-close', onclick: () => element.close() });
  const element = h('dialog', { class: 'full', 'aria-label': t('fullscreen'), 'data-testid': 'full' }, body, h('div', { class: 'full-actions' }, close, swap, turn));
  element.addEventListener('close', () => {
    rotate(false);
    shown = null;
  });
  new ResizeObserver(fit).observe(element);

  /** @param {boolean} on */
  function rotate(on) {
    turned = on;
    body.classList.toggle('turned', on);
    turn.setAttribute('aria-pressed', String(on));
  }

  /** @param {number} which */
  function show(which) {
    index = which % Math.max(1, texts.length);
    const text = texts[index];
    if (!text) return;
    words.lang = text.lang;
    setText(words, text.committed.trim());
    setText(amount, amounts(text.committed, text.lang, text.last).map((a) => formatAmount(a, ui)).join('  ·  '));
    amount.hidden = amount.textContent === '';
    fit();
  }

  function fit() {
    if (!element.open) return;
    let [low, high] = [SMALLEST, LARGEST];
    while (high - low > 1) {
      const size = (low + high) / 2;
      words.style.setProperty('font-size', `${size}px`);
      if (body.scrollHeight <= body.clientHeight && body.scrollWidth <= body.clientWidth) low = size;
      else high = size;
    }
    words.style.setProperty('font-size', `${low}px`);
  }

  /** @param {import('./captions.js').Line} line */
  function read(line) {
    const { main, second } = reading(line, settings.hear ?? settings.language ?? 'en');
    // Shown to the other person: one's own words in their language first.
    const order = line.mine ? [second, main] : [main, second];
    texts = order.filter((text) => text !== null).filter((text) => text.committed.trim() !== '');
    swap.hidden = texts.length < 2;
  }

  /** @param {import('./captions.js').Line} line */
  function open(line) {
    shown = line;
    read(line);
    element.showModal();
    show(0);
  }

  /** A caption grew: if it is the one that is shown, it grows here too. @param {import('./captions.js').Line} line */
  function update(line) {
    if (!element.open || line !== shown) return;
    const [text, grown] = [texts[index], words.textContent];
    read(line);
    // A translation that comes while the words themselves are shown does not push them aside.
    if (text?.committed.trim() !== grown) show(Math.max(0, text ? texts.indexOf(text) : 0));
  }

  return { element, open, update };
}
