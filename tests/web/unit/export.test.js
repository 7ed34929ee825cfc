/** @file The files that a person saves: what is in them, and that subtitles are subtitles. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Conversation } from '../../../src/web/captions.js';
import { fileName, stamp, toJson, toSrt, toText } from '../../../src/web/export.js';

const START = Date.UTC(2026, 10, 23, 8, 0, 0);

function talk() {
  const made = new Conversation(START);
  const say = (/** @type {number} */ utterance, /** @type {number} */ speaker, /** @type {string} */ lang, /** @type {string} */ kind, /** @type {string} */ committed, /** @type {number} */ at) =>
    made.apply({ type: 'caption', utterance, speaker, lang, kind, committed, pending: 'grey', last: true }, 1, START + at);
  say(1, 2, 'en', 'source', 'How much is this?', 1000);
  say(1, 2, 'zh', 'translation', '这个多少钱？', 1500);
  say(2, 1, 'zh', 'source', '三块八。\n\n便宜！', 3000);
  say(2, 1, 'en', 'translation', '3.80. Cheap!', 3500);
  made.apply({ type: 'caption', utterance: 3, speaker: 2, lang: 'en', kind: 'source', committed: '', pending: 'only grey', last: false }, 1, START + 9000);
  made.apply({ type: 'caption', utterance: 4, speaker: 2, lang: 'en', kind: 'source', committed: '', pending: '', last: true }, 1, START + 9500);
  return made;
}

test('text: who said what, first in the reader’s language', () => {
  const text = toText(talk().lines, 'zh', { me: '我', other: '对方' });
  const lines = text.split('\n');
  assert.match(lines[0] ?? '', /^\[\d\d:\d\d:01\] 对方: 这个多少钱？$/);
  assert.equal(lines[1], '    How much is this?');
  assert.match(lines[2] ?? '', /^\[\d\d:\d\d:03\] 我: 三块八。$/);
  assert.ok(!text.includes('grey'), 'what was not committed was not said');
});

test('subtitles: numbered, in time, never overlapping, no empty line inside', () => {
  const made = talk();
  const blocks = toSrt(made.lines, made.startedAt, 'zh').trim().split('\n\n');
  assert.equal(blocks.length, 3);
  const times = blocks.map((block, i) => {
    const [number, time, ...text] = block.split('\n');
    assert.equal(number, String(i + 1));
    assert.ok(i === 2 || text.length >= 2);
    const match = /^(\d\d):(\d\d):(\d\d),(\d{3}) --> (\d\d):(\d\d):(\d\d),(\d{3})$/.exec(time ?? '');
    assert.ok(match, time);
    const at = (/** @type {number} */ o) => ((Number(match[o]) * 60 + Number(match[o + 1])) * 60 + Number(match[o + 2])) * 1000 + Number(match[o + 3]);
    return [at(1), at(5)];
  });
  assert.deepEqual(times.map((t) => t[0]), [1000, 3000, 9000]);
  times.forEach(([from = 0, to = 0], i) => {
    assert.ok(to > from);
    assert.ok(to <= (times[i + 1]?.[0] ?? Infinity));
  });
});

test('data: every text with its language', () => {
  const made = talk();
  const data = JSON.parse(toJson(made.lines, made.startedAt));
  assert.equal(data.format, 'tongchuan.conversation');
  assert.equal(data.started, '2026-11-23T08:00:00.000Z');
  assert.deepEqual(data.lines[0].source, { lang: 'en', text: 'How much is this?' });
  assert.deepEqual(data.lines[0].translations, [{ lang: 'zh', text: '这个多少钱？' }]);
  assert.equal(data.lines[1].mine, true);
});

test('time stamps and file names', () => {
  assert.equal(stamp(0), '00:00:00,000');
  assert.equal(stamp(3_723_004), '01:02:03,004');
  assert.match(fileName(START, 'srt'), /^tongchuan-20261123-\d{4}\.srt$/);
});

test('an empty conversation is an empty file', () => {
  assert.equal(toText([], 'zh', { me: 'a', other: 'b' }).trim(), '');
  assert.equal(toSrt([], 0, 'zh'), '');
  assert.deepEqual(JSON.parse(toJson([], 0)).lines, []);
});
