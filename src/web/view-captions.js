/** @file The captions: one block per utterance, the words of the other person large, one's own as they were recognised, amounts as digits.
 *
 * The text nodes of committed words only ever grow; the pending tail is replaced and hidden from screen readers, which announce the
 * committed words of the other person (one's own would be read into the microphone). Knows captions.js, nothing of the network.
 */

import { amounts, formatAmount } from './amounts.js';
import { isUnsure, saidText } from './amounts-said.js';
import { isBlank, reading } from './captions.js';
import { button, h, setText } from './dom.js';

/** @typedef {import('./captions.js').Line} Line */
/** @typedef {import('./captions.js').Text} Text */
/** @typedef {import('./app.js').Context} Context */

/** How far from the end, in pixels, the list still follows new words; how near to the top earlier lines are drawn. */
const NEAR_END = 120;
const NEAR_TOP = 400;
/** Lines on the page: a phone lays out all of them for each new word. Earlier ones are drawn when somebody scrolls there, some at a time. */
const DRAWN = 60;
const MORE = 40;

/** @type {Record<string, 'failed' | 'failed_mt' | 'failed_tts' | 'failed_busy'>} */
const FAILED = { asr_failed: 'failed', mt_failed: 'failed_mt', tts_failed: 'failed_tts', busy: 'failed_busy', deadline: 'failed_busy' };

/** @param {Context} context @param {(line: Line) => void} showFull */
export function captionsView(context, showFull) {
  const { t, session } = context;
  const list = h('div', { class: 'lines', role: 'log', 'aria-live': 'polite', 'aria-relevant': 'additions text', 'aria-label': t('conversation') });
  const hint = h('p', { class: 'talk-hint' }, t('talk_hint'));
  const jump = button('down', { text: t('newest') }, { class: 'jump', hidden: true, onclick: () => toEnd() });
  const scroll = h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': t('conversation') }, hint, list);
  const element = h('div', { class: 'captions' }, scroll, jump);

  /** @type {Map<string, Block>} */
  const blocks = new Map();
  /** The same in their order on the page: neighbours in the conversation, the newest among them. @type {Block[]} */
  const drawn = [];
  let following = true;
  scroll.addEventListener('scroll', () => {
    following = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR_END;
    if (following) jump.hidden = true;
    else if (scroll.scrollTop < NEAR_TOP) drawEarlier();
  }, { passive: true });

  function toEnd() {
    following = true;
    jump.hidden = true;
    scroll.scrollTop = scroll.scrollHeight;
  }

  /** @param {Line} line */
  function add(line) {
    const block = new Block(line, context, showFull);
    blocks.set(line.key, block);
    block.update(line);
    hint.hidden = true;
    return block;
  }

  /** Draws a line anew, or at the end. One that is further up than what is drawn waits until somebody scrolls there. @param {Line} line */
  function draw(line) {
    const { lines } = session.conversation;
    const block = blocks.get(line.key);
    const newest = drawn.at(-1);
    if (block) block.update(line);
    else if (!newest || lines.lastIndexOf(line) > lines.lastIndexOf(newest.line)) {
      const added = add(line);
      drawn.push(added);
      list.append(added.element);
    }
  }

  /** What is above stays above: the words that are being read do not move. */
  function drawEarlier() {
    const [oldest] = drawn;
    const { lines } = session.conversation;
    const end = oldest ? lines.indexOf(oldest.line) : 0;
    const earlier = lines.slice(Math.max(0, end - MORE), Math.max(0, end)).map(add);
    if (earlier.length === 0) return;
    const below = scroll.scrollHeight - scroll.scrollTop;
    // They are no news.
    for (const { element } of earlier) element.setAttribute('aria-live', 'off');
    list.prepend(...earlier.map((block) => block.element));
    drawn.unshift(...earlier);
    scroll.scrollTop = scroll.scrollHeight - below;
  }

  function follow() {
    if (!following) {
      jump.hidden = false;
      return;
    }
    if (drawn.length >= DRAWN + MORE) {
      for (const block of drawn.splice(0, drawn.length - DRAWN)) {
        blocks.delete(block.line.key);
        block.element.remove();
      }
    }
    toEnd();
  }

  /** @param {Line} line */
  function update(line) {
    draw(line);
    follow();
  }

  function updateAll() {
    const { lines } = session.conversation;
    const first = drawn[0] ? Math.max(0, lines.indexOf(drawn[0].line)) : Math.max(0, lines.length - DRAWN);
    lines.slice(first).forEach(draw);
    // Once: each look at the height lays out the whole list.
    if (blocks.size > 0) follow();
  }

  /** @type {number | null} */
  let played = null;
  /** @param {number | null} utterance */
  function playing(utterance) {
    if (utterance === played) return;
    played = utterance;
    for (const block of blocks.values()) block.playing(utterance);
  }

  new ResizeObserver(() => following && toEnd()).observe(scroll);
  updateAll();
  return { element, update, updateAll, playing, toEnd };
}

/** One utterance on the page. */
class Block {
  /** @type {Map<string, Words>} */
  #words = new Map();
  /** What the amounts on the page were read from. */
  #amountsOf = '';

  /** @param {Line} line @param {Context} context @param {(line: Line) => void} showFull */
  constructor(line, context, showFull) {
    const { t } = context;
    this.line = line;
    this.context = context;
    this.texts = h('div', { class: 'texts' });
    this.amounts = h('p', { class: 'amounts' });
    this.tip = h('p', { class: 'tip', hidden: true });
    this.again = button('again', { label: t('again') }, { class: 'small', 'data-testid': 'again', hidden: true, onclick: () => this.#replay() });
    this.full = button('expand', { label: t('fullscreen') }, { class: 'small', 'data-testid': 'fullscreen', hidden: true, onclick: () => showFull(this.line) });
    this.dots = h('p', { class: 'dots', 'aria-hidden': 'true' }, h('i'), h('i'), h('i'));
    this.element = h(
      'article', { class: line.mine ? 'line mine' : 'line theirs', 'aria-live': line.mine ? 'off' : null },
      h('h2', { class: 'visually-hidden' }, line.mine ? t('you') : t('other')),
      this.texts, this.dots, this.tip,
      h('div', { class: 'line-foot' }, this.amounts, h('div', { class: 'line-actions' }, line.mine ? null : this.again, this.full)),
    );
    this.texts.addEventListener('click', () => {
      if (String(document.getSelection() ?? '') === '') this.#replay();
    });
  }

  /** @param {Line} line */
  update(line) {
    const { t, settings, session } = this.context;
    this.line = line;
    const { main, second } = reading(line, settings.hear ?? settings.language ?? 'en');
    // A source and its translation may be in one language: the kind tells them apart.
    const shown = /** @type {[string, Text, string][]} */ ([]);
    for (const [text, rank] of /** @type {const} */ ([[main, 'main'], [second, 'second']])) {
      if (text) shown.push([text === line.source ? 'source' : 'translation', text, rank]);
    }
    for (const [kind, text, rank] of shown) {
      const key = `${kind}:${text.lang}`;
      let words = this.#words.get(key);
      if (!words) {
        words = new Words(kind, text.lang, line.utterance);
        this.#words.set(key, words);
      }
      words.update(text, rank);
    }
    const wanted = shown.map(([kind, text]) => /** @type {Words} */ (this.#words.get(`${kind}:${text.lang}`)).element);
    const present = [...this.texts.children];
    if (wanted.length !== present.length || wanted.some((e, i) => e !== present[i])) {
      wanted.forEach((words, i) => {
        // Moving an element would announce its words again: only what is out of place moves.
        if (this.texts.children[i] !== words) this.texts.insertBefore(words, this.texts.children[i] ?? null);
      });
      [...this.texts.children].slice(wanted.length).forEach((old) => old.remove());
    }
    const waits = line.failed === null && !line.mine && main === null && line.epoch === session.conversation.epoch;
    this.dots.hidden = !waits;
    this.element.hidden = isBlank(line);
    this.tip.hidden = line.failed === null;
    if (line.failed !== null) setText(this.tip, t(FAILED[line.failed] ?? 'failed'));
    this.full.hidden = !(main && main.committed.trim() !== '');
    this.again.hidden = !(main && !line.mine && session.canReplay(line, main.lang));
    this.texts.classList.toggle('tappable', !this.again.hidden);
    this.#showAmounts(main, second);
  }

  /** @param {Text | null} main @param {Text | null} second */
  #showAmounts(main, second) {
    const { t, ui } = this.context;
    const key = JSON.stringify([ui, main?.committed, main?.last, second?.committed, second?.last, this.line.numbers.length]);
    if (key === this.#amountsOf) return;
    this.#amountsOf = key;
    const own = main ? amounts(main.committed, main.lang, main.last) : [];
    const others = second ? amounts(second.committed, second.lang, second.last).filter((a) => a.kind === 'money') : [];
    const prices = own.filter((a) => a.kind === 'money');
    const same = (/** @type {{value: number, unit: string | null}[]} */ a, /** @type {typeof a} */ b) => a.every((x) => b.some((y) => y.value === x.value && y.unit === x.unit));
    // Recognised in one language and translated into another: when both name prices and they differ, one of them is wrong.
    const differ = prices.length > 0 && others.length > 0 && main?.last === true && second?.last === true && !(same(prices, others) && same(others, prices));
    const list = differ || own.length === 0 ? [...own, ...others.filter((a) => !same([a], own))] : own;
    // What the server compared is better than what can be seen in the captions. The same amount in two languages is one.
    const said = this.line.numbers;
    const doubt = said.length > 0 ? said.some(isUnsure) : differ;
    const texts = said.length > 0 ? new Set(said.map((number) => saidText(number, ui))) : list.map((amount) => formatAmount(amount, ui));
    this.amounts.classList.toggle('doubt', doubt);
    this.amounts.replaceChildren(
      ...[...texts].map((text) => h('bdi', { class: 'amount', 'data-testid': 'amount' }, text)),
      ...(doubt ? [h('span', { class: 'amount-check' }, t('amount_check'))] : []),
    );
  }

  #replay() {
    const { main } = reading(this.line, this.context.settings.hear ?? this.context.settings.language ?? 'en');
    if (main && !this.line.mine) this.context.session.replay(this.line, main.lang);
  }

  /** @param {number | null} utterance */
  playing(utterance) {
    const on = utterance !== null && this.line.utterance === utterance && this.line.epoch === this.context.session.conversation.epoch && !this.line.mine;
    this.element.classList.toggle('playing', on);
  }
}

/** The words of one utterance in one language: committed text that grows, a grey tail. */
class Words {
  #length = 0;

  /** @param {string} kind @param {string} lang @param {number} utterance */
  constructor(kind, lang, utterance) {
    this.committed = h('span', { class: 'committed' });
    this.pending = h('span', { class: 'pending', 'aria-hidden': 'true' });
    this.element = h('p', { lang, dir: 'auto', 'data-testid': `caption-${kind}`, 'data-utterance': utterance }, this.committed, this.pending);
  }

  /** @param {Text} text @param {string} rank */
  update(text, rank) {
    this.element.className = `words ${rank}`;
    if (text.committed.length > this.#length) {
      this.committed.append(text.committed.slice(this.#length));
      this.#length = text.committed.length;
    }
    setText(this.pending, text.pending);
  }
}
