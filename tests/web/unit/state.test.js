/** @file What the page knows, event by event: joining, the other coming and going, failures, the microphone, hold to talk. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { canTalk, initial, peerState, reduce } from '../../../src/web/state.js';

/** @typedef {import('../../../src/web/state.js').Event} Event */

const OTHER = { participant: 2, role: 'buyer', speak: 'en', hear: 'en' };
const welcome = (/** @type {object[]} */ others = [], change = {}) =>
  /** @type {Event} */ ({ type: 'message', message: { type: 'welcome', room: 'K7M2QX', participant: 1, role: 'merchant', others, languages: ['zh', 'en'], ...change } });
const message = (/** @type {object} */ m) => /** @type {Event} */ ({ type: 'message', message: m });
const after = (/** @type {Event[]} */ ...events) => events.reduce(reduce, initial('merchant'));

test('from the tap into the room', () => {
  const joining = after({ type: 'join' });
  assert.equal(joining.phase, 'joining');
  const inside = reduce(joining, welcome());
  assert.deepEqual([inside.phase, inside.link, inside.room, inside.me], ['room', 'open', 'K7M2QX', 1]);
  assert.equal(peerState(inside), 'waiting');
  assert.equal(canTalk(inside), false);
  assert.equal(canTalk(reduce(inside, { type: 'mic', mic: { state: 'on' } })), true);
});

test('the other comes, drops out, comes back, leaves', () => {
  let state = after({ type: 'join' }, welcome(), message({ type: 'joined', ...OTHER }));
  assert.equal(peerState(state), 'here');
  state = reduce(state, message({ type: 'away', participant: 2 }));
  assert.equal(peerState(state), 'away');
  state = reduce(state, message({ type: 'back', participant: 2 }));
  assert.equal(peerState(state), 'here');
  state = reduce(state, message({ type: 'joined', ...OTHER, hear: 'ru' }));
  assert.equal(state.peers.length, 1, 'a change of language is not a second person');
  assert.equal(state.peers[0]?.hear, 'ru');
  state = reduce(state, message({ type: 'left', participant: 2, reason: 'bye' }));
  assert.deepEqual([peerState(state), state.gone], ['gone', 'bye']);
  state = reduce(state, message({ type: 'joined', ...OTHER, participant: 3 }));
  assert.deepEqual([peerState(state), state.gone], ['here', null]);
});

test('somebody who was there already is there', () => assert.equal(peerState(after({ type: 'join' }, welcome([OTHER]))), 'here'));

test('a lost connection keeps the room; a refusal ends it with its reason', () => {
  const inside = after({ type: 'join' }, welcome([OTHER]));
  const lost = reduce(inside, { type: 'link', state: 'reconnecting', retryAt: 5, code: 1006 });
  assert.deepEqual([lost.phase, lost.link], ['room', 'reconnecting']);
  assert.equal(reduce(lost, welcome([OTHER])).link, 'open');
  for (const [fault, code, kind] of /** @type {[string | null, number, string][]} */ ([
    ['bad_token', 4003, 'expired'], ['room_not_found', 4004, 'expired'], ['room_full', 4005, 'full'], ['role_taken', 4005, 'full'], ['server_full', 4006, 'busy'],
    ['unsupported_version', 4001, 'outdated'], [null, 4003, 'expired'], [null, 4005, 'full'], [null, 1006, 'lost'], ['rate_limited', 1013, 'limited'],
  ])) {
    const ended = reduce(inside, { type: 'link', state: 'closed', fault, code });
    assert.deepEqual([ended.phase, ended.problem?.kind], ['problem', kind], `${fault} ${code}`);
  }
  assert.equal(reduce(reduce(inside, { type: 'leave' }), { type: 'link', state: 'closed', code: 1000 }).phase, 'left', 'who leaves has no problem');
});

test('every fatal code of the protocol says more than that the connection ended', () => {
  const table = readFileSync(new URL('../../../proto/README.md', import.meta.url), 'utf8');
  const fatal = [...table.matchAll(/^\| `(\w+)` \| [^|]* \| yes/gm)].map((m) => m[1] ?? '');
  assert.ok(fatal.length >= 8);
  // Codes after which the client connects again by itself, or which only a broken client gets.
  const quiet = ['too_slow', 'idle', 'internal'];
  for (const fault of fatal.filter((code) => !quiet.includes(code))) {
    assert.notEqual(after({ type: 'join' }, { type: 'link', state: 'closed', fault, code: 4999 }).problem?.kind, 'lost', fault);
  }
});

test('a restart of the server is announced until the connection is back', () => {
  let state = after({ type: 'join' }, welcome([OTHER]), message({ type: 'notice', code: 'shutting_down', text: '' }));
  assert.equal(state.restarting, true);
  state = reduce(state, { type: 'link', state: 'reconnecting', retryAt: 1 });
  assert.equal(state.restarting, true);
  assert.equal(reduce(state, welcome()).restarting, false);
});

test('who talks faster than he is interpreted is told, until it is taken away', () => {
  const state = after({ type: 'join' }, welcome([OTHER]), message({ type: 'notice', code: 'behind', text: '' }));
  assert.deepEqual([state.notice, state.restarting], ['behind', false]);
  assert.equal(reduce(state, { type: 'notice', notice: null }).notice, null);
});

test('mute, hold to talk, back to an open microphone', () => {
  let state = after({ type: 'join' }, welcome([OTHER]), { type: 'mic', mic: { state: 'on' } }, { type: 'mute', muted: true });
  assert.equal(state.muted, true);
  state = reduce(state, { type: 'hold', held: true });
  assert.deepEqual([state.hold, state.held, state.muted], [true, true, false]);
  state = reduce(state, { type: 'hold', held: false });
  assert.deepEqual([state.hold, state.held], [true, false]);
  state = reduce(state, { type: 'open' });
  assert.deepEqual([state.hold, state.held, state.muted], [false, false, false]);
});

test('who is refused the microphone is not speaking, and stays in the room', () => {
  let state = after({ type: 'join' }, welcome([OTHER]), { type: 'mic', mic: { state: 'on' } }, { type: 'speaking', speaking: true });
  assert.equal(state.speaking, true);
  state = reduce(state, { type: 'mic', mic: { state: 'denied' } });
  assert.deepEqual([state.speaking, state.phase, canTalk(state)], [false, 'room', false]);
});

test('which utterance is being played', () => {
  const state = after({ type: 'audio', state: 'playing', utterance: 4 });
  assert.equal(state.playing, 4);
  assert.equal(reduce(state, { type: 'audio', state: 'idle' }).playing, null);
});

test('one failed sentence is a notice, not a problem', () => {
  const state = after({ type: 'join' }, welcome([OTHER]), message({ type: 'error', code: 'rate_limited', fatal: false, text: '' }));
  assert.deepEqual([state.phase, state.notice], ['room', 'rate_limited']);
});

test('events leave the old state alone', () => {
  const state = Object.freeze({ ...initial('buyer'), peers: Object.freeze([]) });
  assert.notEqual(reduce(/** @type {any} */ (state), message({ type: 'joined', ...OTHER })), state);
});
