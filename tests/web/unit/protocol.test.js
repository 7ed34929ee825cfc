/**
 * @file The wire, checked with the same golden vectors as the server.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { FrameError, ahead, decodeFrame, encodeFrame, parseServerMessage } from '../../../src/web/protocol.js';

/** @param {string} name */
const vectors = (name) => JSON.parse(readFileSync(new URL(`../../../proto/vectors/${name}.json`, import.meta.url), 'utf8'));
/** @param {string} hex */
const bytes = (hex) => Uint8Array.from(Buffer.from(hex, 'hex'));
/** @param {Uint8Array} data */
const hex = (data) => Buffer.from(data).toString('hex');

/** @param {() => unknown} action */
function fault(action) {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof FrameError, String(error));
    return error.fault;
  }
  return null;
}

test('frames: every vector', () => {
  const all = vectors('frames');
  assert.ok(all.length >= 15);
  for (const vector of all) {
    if (vector.error) {
      assert.equal(fault(() => decodeFrame(bytes(vector.hex))), vector.error, vector.name);
      continue;
    }
    const frame = decodeFrame(bytes(vector.hex));
    const { name, hex: _, note: __, serialises_to, payload, ...header } = vector;
    assert.deepEqual({ ...frame, payload: hex(frame.payload) }, { ...header, payload }, name);
    assert.equal(hex(encodeFrame(frame)), serialises_to ?? vector.hex, name);
  }
});

test('frames: hostile bytes are refused, never an accident', () => {
  const valid = bytes('10010000000000000000000078c1e07f3a9d5500');
  for (let length = 0; length < valid.length; length += 1) {
    assert.equal(fault(() => decodeFrame(valid.subarray(0, length))), length < 12 ? 'truncated' : length === 12 ? 'empty' : null);
  }
  for (let index = 0; index < valid.length; index += 1) {
    for (let value = 0; value < 256; value += 1) {
      const corrupt = valid.slice();
      corrupt[index] = value;
      const how = fault(() => decodeFrame(corrupt));
      assert.ok(how === null || (index === 0 && ['unsupported_version', 'unknown_kind'].includes(how)), `${index} ${value} ${how}`);
    }
  }
});

test('frames: a payload no packet can have is not written', () => {
  const frame = decodeFrame(bytes('10010000000000000000000078'));
  assert.equal(fault(() => encodeFrame({ ...frame, payload: new Uint8Array(0) })), 'empty');
  assert.equal(fault(() => encodeFrame({ ...frame, payload: new Uint8Array(1277) })), 'too_long');
  assert.equal(encodeFrame({ ...frame, payload: new Uint8Array(1276) }).length, 1288);
});

test('frames: a view into a larger buffer is read in its place', () => {
  const larger = new Uint8Array(40);
  larger.set(bytes('1101020100000000000003c078c1'), 9);
  const frame = decodeFrame(larger.subarray(9, 23));
  assert.deepEqual([frame.stream, frame.sequence, frame.timestamp, hex(frame.payload)], [513, 0, 960, '78c1']);
});

test('messages of the server: every vector', () => {
  const all = vectors('messages').filter((/** @type {any} */ vector) => vector.from === 'server');
  assert.ok(all.length >= 10);
  for (const vector of all) {
    const message = parseServerMessage(vector.text);
    if (vector.ignored || vector.error) assert.equal(message, null, vector.name);
    else assert.deepEqual(message, JSON.parse(vector.text), vector.name);
  }
});

test('messages: what is not one is null', () => {
  const valid = [
    { type: 'away', participant: 2 },
    { type: 'back', participant: 2 },
    { type: 'invitation', role: 'buyer', token: 'secret', expires_in: 600 },
    { type: 'caption', utterance: 1, speaker: 1, lang: 'zh', kind: 'source', committed: '你', pending: '', last: false },
    { type: 'error', code: 'busy', text: '', fatal: false, retry_after: null },
    { type: 'speech_end', utterance: 1, stream: 3, unknown: { field: true } },
  ];
  for (const message of valid) {
    assert.deepEqual(parseServerMessage(JSON.stringify(message)), message);
    for (const field of Object.keys(message)) {
      if (field === 'unknown' || field === 'retry_after') continue;
      assert.equal(parseServerMessage(JSON.stringify({ ...message, [field]: undefined })), null, `${message.type} without ${field}`);
      assert.equal(parseServerMessage(JSON.stringify({ ...message, [field]: {} })), null, `${message.type}: ${field} is an object`);
    }
  }
  for (const text of ['', 'null', '[]', '"bye"', '{', '{"type":1}', '{"type":"constructor"}', '{"type":"__proto__"}']) {
    assert.equal(parseServerMessage(text), null, text);
  }
});

test('counters wrap around', () => {
  assert.equal(ahead(5, 3), 2);
  assert.equal(ahead(3, 5), -2);
  assert.equal(ahead(1, 0xffff_ffff), 2);
  assert.equal(ahead(0xffff_fffe, 1), -3);
});
