/** @file What survives a reload: the conversation as it was, written little by little, and nothing when the storage says no. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { loadSession, saveSession } from '../../../src/web/settings.js';

/** A storage that counts what is written, and may be full. */
const storage = {
  /** @type {Map<string, string>} */
  entries: new Map(),
  written: 0,
  full: false,
  getItem: (/** @type {string} */ key) => storage.entries.get(key) ?? null,
  removeItem: (/** @type {string} */ key) => void storage.entries.delete(key),
  setItem(/** @type {string} */ key, /** @type {string} */ text) {
    if (storage.full) throw new DOMException('full', 'QuotaExceededError');
    storage.written += text.length;
    storage.entries.set(key, text);
  },
};
/** @type {any} */ (globalThis).sessionStorage = storage;

const lines = (/** @type {number} */ count) => Array.from({ length: count }, (_, i) => ({ key: `1:${i}`, source: { committed: `words ${i}` } }));
const visit = (/** @type {unknown[]} */ all, received = 1) => ({ connection: { received }, role: 'merchant', conversation: { epoch: 1, startedAt: 5, lines: all } });

beforeEach(() => {
  storage.full = false;
  saveSession(null);
});

test('what was kept comes back as it was', () => {
  for (const count of [0, 1, 50, 51, 730]) {
    const value = visit(lines(count));
    assert.equal(saveSession(value), true);
    assert.deepEqual(loadSession(), value, `${count} lines`);
  }
});

test('a new word in a long conversation costs no more than in a short one', () => {
  const all = lines(730);
  saveSession(visit(all));
  storage.written = 0;
  all[729] = { key: '1:729', source: { committed: 'words and more' } };
  saveSession(visit(all, 2));
  assert.ok(storage.written < 5000, `${storage.written} characters`);
  assert.deepEqual(loadSession(), visit(all, 2));
});

test('a shorter conversation leaves nothing of the longer one; a forgotten one leaves nothing', () => {
  saveSession(visit(lines(300)));
  saveSession(visit(lines(20)));
  assert.deepEqual([...storage.entries.keys()].sort(), ['tongchuan.session', 'tongchuan.session.0']);
  saveSession(null);
  assert.equal(storage.entries.size, 0);
  assert.equal(loadSession(), null);
});

test('a full storage is an answer, and written again when there is room', () => {
  storage.full = true;
  assert.equal(saveSession(visit(lines(3))), false);
  assert.equal(loadSession(), null);
  storage.full = false;
  assert.equal(saveSession(visit(lines(3))), true);
  assert.deepEqual(loadSession(), visit(lines(3)));
});
