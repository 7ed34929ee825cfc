/** @file The conversation as data: append-only text, who reads what first, errors, fresh sessions, and what survives a reload. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Conversation, MAX_LINES, hasWords, isBlank, reading } from '../../../src/web/captions.js';

const ME = 1;
const OTHER = 2;

/** @param {Partial<Record<string, unknown>>} change */
const caption = (change) => ({ type: 'caption', utterance: 7, speaker: OTHER, lang: 'en', kind: 'source', committed: '', pending: '', last: false, ...change });

test('committed words are appended, the pending tail is replaced', () => {
  const talk = new Conversation(0);
  talk.apply(caption({ committed: 'How much', pending: ' is' }), ME, 10);
  const line = talk.apply(caption({ committed: ' is this', pending: ' one' }), ME, 20);
  assert.equal(talk.lines.length, 1);
  assert.deepEqual(line?.source, { lang: 'en', committed: 'How much is this', pending: ' one', last: false });
  assert.equal(line?.at, 10, 'a line keeps the time of its first word');
  talk.apply(caption({ committed: ' one?', pending: 'ignored', last: true }), ME, 30);
  assert.deepEqual(line?.source, { lang: 'en', committed: 'How much is this one?', pending: '', last: true });
});

test('a sentence that is interpreted while it is said: words and translation grow beside each other, each to its own end', () => {
  const talk = new Conversation(0);
  const translated = (/** @type {string} */ committed, pending = '', last = false) => caption({ kind: 'translation', lang: 'es', committed, pending, last });
  /** @type {[any, string, string][]} what comes, and the words and the translation after it */
  const steps = [
    [caption({ pending: 'I would' }), '|I would', ''],
    [caption({ committed: 'I would like', pending: ' three' }), 'I would like| three', ''],
    [translated('Quisiera', ' tres'), 'I would like| three', 'Quisiera| tres'],
    [caption({ committed: ' three boxes,' }), 'I would like three boxes,|', 'Quisiera| tres'],
    [caption({ committed: '', pending: ' please' }), 'I would like three boxes,| please', 'Quisiera| tres'],
    [translated(' tres cajas,'), 'I would like three boxes,| please', 'Quisiera tres cajas,|'],
    [caption({ committed: ' please.', last: true }), 'I would like three boxes, please.|', 'Quisiera tres cajas,|'],
    [translated(' por favor.'), 'I would like three boxes, please.|', 'Quisiera tres cajas, por favor.|'],
    [translated('', 'ignored', true), 'I would like three boxes, please.|', 'Quisiera tres cajas, por favor.|'],
  ];
  const read = (/** @type {import('../../../src/web/captions.js').Text | null | undefined} */ text) => (text ? `${text.committed}|${text.pending}` : '');
  for (const [message, source, translation] of steps) {
    const line = talk.apply(message, ME, 0);
    assert.deepEqual([read(line?.source), read(line?.translations[0])], [source, translation]);
  }
  assert.equal(talk.lines.length, 1);
  assert.deepEqual([talk.lines[0]?.source?.last, talk.lines[0]?.translations[0]?.last], [true, true]);
});

test('the other is read in my language first; I am read as I was recognised', () => {
  const talk = new Conversation(0);
  const theirs = /** @type {import('../../../src/web/captions.js').Line} */ (talk.apply(caption({ committed: 'Hello' }), ME, 0));
  assert.equal(reading(theirs, 'zh').main, null, 'the translation is still to come');
  assert.equal(reading(theirs, 'zh').second?.committed, 'Hello');
  assert.equal(reading(theirs, 'en').main?.committed, 'Hello', 'who hears the spoken language reads it as it is');
  talk.apply(caption({ kind: 'translation', lang: 'zh', committed: '你好' }), ME, 0);
  assert.equal(reading(theirs, 'zh').main?.committed, '你好');
  talk.apply(caption({ utterance: 8, speaker: ME, lang: 'zh', committed: '三块八' }), ME, 0);
  const mine = /** @type {import('../../../src/web/captions.js').Line} */ (talk.apply(caption({ utterance: 8, speaker: ME, kind: 'translation', committed: '3.80 yuan' }), ME, 0));
  assert.equal(mine.mine, true);
  assert.equal(reading(mine, 'zh').main?.committed, '三块八');
  assert.equal(reading(mine, 'zh').second?.committed, '3.80 yuan');
});

test('an error that names an utterance ends its line and no other', () => {
  const talk = new Conversation(0);
  talk.apply(caption({ pending: 'maybe' }), ME, 0);
  talk.apply(caption({ utterance: 8, pending: 'other' }), ME, 0);
  const line = talk.apply({ type: 'error', code: 'asr_failed', text: '', fatal: false, utterance: 7 }, ME, 0);
  assert.equal(line?.failed, 'asr_failed');
  assert.equal(line?.source?.pending, '');
  assert.equal(talk.lines[1]?.source?.pending, 'other');
  assert.equal(talk.apply({ type: 'error', code: 'busy', utterance: 99 }, ME, 0), null);
  assert.equal(talk.apply({ type: 'error', code: 'rate_limited' }, ME, 0), null);
});

test('a fresh session counts its utterances from the beginning: nothing is appended to old lines', () => {
  const talk = new Conversation(0);
  talk.newEpoch();
  talk.apply(caption({ committed: 'before', pending: ' tail' }), ME, 0);
  talk.newEpoch();
  talk.apply(caption({ committed: 'after' }), ME, 0);
  assert.deepEqual(talk.lines.map((l) => l.source?.committed), ['before', 'after']);
  assert.equal(talk.lines[0]?.source?.pending, '', 'what was under way will not go on');
});

test('a reload in the middle of a sentence goes on in the same line', () => {
  const before = new Conversation(5);
  before.newEpoch();
  before.apply(caption({ committed: 'How much' }), ME, 10);
  const after = Conversation.restore(JSON.parse(JSON.stringify(before.keep())), 99);
  after.apply(caption({ committed: ' is it?' }), ME, 20);
  assert.equal(after.lines.length, 1);
  assert.equal(after.lines[0]?.source?.committed, 'How much is it?');
  assert.equal(after.startedAt, 5);
  for (const broken of [null, undefined, 'x', {}, { lines: 3 }, []]) assert.equal(Conversation.restore(broken, 1).lines.length, 0);
});

test('memory is bounded: the oldest lines go, fifty at a time', () => {
  const talk = new Conversation(0);
  for (let i = 0; i < MAX_LINES + 5; i++) talk.apply(caption({ utterance: i, committed: String(i) }), ME, i);
  assert.equal(talk.lines.length, MAX_LINES - 45);
  assert.deepEqual([talk.lines[0]?.utterance, talk.lines.at(-1)?.utterance], [50, MAX_LINES + 4]);
  assert.equal(talk.byKey.size, MAX_LINES - 45);
});

test('numbers of the server are kept with their line', () => {
  const talk = new Conversation(0);
  const line = talk.apply({ type: 'numbers', utterance: 3, speaker: OTHER, numbers: [{ kind: 'money', value: '3.8', unit: 'CNY' }] }, ME, 0);
  assert.deepEqual(line?.numbers, [{ kind: 'money', value: '3.8', unit: 'CNY' }]);
  assert.equal(line && hasWords(line), false);
});

test('a line of which no word was certain in the end is blank, one that failed is not', () => {
  const talk = new Conversation(0);
  const line = /** @type {import('../../../src/web/captions.js').Line} */ (talk.apply(caption({ pending: 'Thank' }), ME, 0));
  assert.equal(isBlank(line), false);
  talk.apply(caption({}), ME, 1);
  assert.equal(isBlank(line), false, 'words may still come');
  talk.apply(caption({ last: true }), ME, 2);
  talk.apply(caption({ kind: 'translation', lang: 'zh', last: true }), ME, 3);
  assert.equal(isBlank(line), true);
  talk.apply({ type: 'error', utterance: 7, code: 'asr_failed' }, ME, 4);
  assert.equal(isBlank(line), false);
});

test('messages of other kinds change nothing', () => {
  const talk = new Conversation(0);
  for (const type of ['pong', 'joined', 'speech_start', 'unheard-of']) assert.equal(talk.apply({ type, utterance: 1, speaker: 1 }, ME, 0), null);
  assert.equal(talk.lines.length, 0);
});
