/**
 * @file The connection through drops, dead links, restarts and reloads; the test is the server, time is virtual.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Connection } from '../../../src/web/connection.js';
import { decodeFrame, encodeFrame } from '../../../src/web/protocol.js';
import { KEPT_PACKETS } from '../../../src/web/uplink.js';
import { Clock, FakeSocket } from './support/network.js';

const HELLO = { room: 'K7M2QX', token: 'invitation', role: /** @type {const} */ ('buyer'), speak: 'en', hear: 'en', voice: /** @type {const} */ ('female') };

/** @param {import('../../../src/web/connection.js').Snapshot} [snapshot] */
function setUp(snapshot) {
  const clock = new Clock();
  /** @type {FakeSocket[]} */
  const sockets = [];
  class Socket extends FakeSocket {
    /** @param {string} url @param {string} protocol */
    constructor(url, protocol) {
      super(url, protocol);
      sockets.push(this);
    }
  }
  const environment = {
    WebSocket: /** @type {any} */ (Socket),
    now: () => clock.now,
    setTimeout: clock.setTimeout,
    clearTimeout: clock.clearTimeout,
    random: () => 1,
    window: new EventTarget(),
    document: Object.assign(new EventTarget(), { visibilityState: 'visible' }),
  };
  const connection = snapshot ? Connection.restore(snapshot, environment) : new Connection({ url: 'wss://stall/v1/session', hello: HELLO }, environment);
  /** @type {any[]} */
  const states = [];
  /** @type {any[]} */
  const messages = [];
  /** @type {any[]} */
  const frames = [];
  connection.addEventListener('state', (event) => states.push(/** @type {CustomEvent} */ (event).detail));
  connection.addEventListener('message', (event) => messages.push(/** @type {CustomEvent} */ (event).detail));
  connection.addEventListener('frame', (event) => frames.push(/** @type {CustomEvent} */ (event).detail));
  const socket = () => /** @type {FakeSocket} */ (sockets.at(-1));
  return { clock, sockets, socket, connection, states, messages, frames, environment };
}

/** @param {object} [fields] */
const welcome = (fields) => ({
  type: 'welcome',
  version: 1,
  session: 1,
  room: 'K7M2QX',
  participant: 2,
  role: 'buyer',
  resume: 'resume-1',
  token: 'rejoin',
  others: [],
  limits: {},
  languages: ['en', 'zh'],
  ...fields,
});

/** @param {number} n */
const caption = (n) => ({ type: 'caption', utterance: n, speaker: 1, lang: 'en', kind: 'source', committed: 'x', pending: '', last: true });

/** @param {number} sequence @param {number} [stream] */
const down = (sequence, stream = 4) =>
  encodeFrame({ kind: 'down', first: false, last: false, silence: false, stream, sequence, timestamp: 960 * sequence, payload: Uint8Array.of(8, sequence) });

const packet = Uint8Array.of(0x48, 1, 2);
const flags = { first: false, last: false, silence: false };

/** Sequence numbers of the frames that a socket was given. @param {FakeSocket} socket */
const sequences = (socket) => socket.sent.filter((item) => item instanceof Uint8Array).map((item) => decodeFrame(item).sequence);

/** @param {ReturnType<typeof setUp>} world @param {object} [fields] */
function join(world, fields) {
  world.connection.connect();
  world.socket().open();
  world.socket().receive(welcome(fields));
}

/** Lets the next attempt happen. @param {ReturnType<typeof setUp>} world */
function reconnect(world) {
  world.clock.advance(8_000);
  world.socket().open();
}

test('joins: subprotocol, hello, welcome', () => {
  const world = setUp();
  world.connection.connect();
  assert.deepEqual([world.socket().url, world.socket().protocol, world.socket().binaryType], ['wss://stall/v1/session', 'tongchuan.v1', 'arraybuffer']);
  world.socket().open();
  assert.deepEqual(world.socket().sent, [{ type: 'hello', version: 1, ...HELLO }]);
  assert.deepEqual(world.states, [{ state: 'connecting' }]);
  world.socket().receive(welcome());
  assert.deepEqual(world.states.at(-1), { state: 'open' });
  assert.equal(world.messages[0].type, 'welcome');
});

test('packets are numbered; what came before welcome goes out after it', () => {
  const world = setUp();
  world.connection.connect();
  world.connection.sendPacket(packet, { ...flags, first: true, timestamp: 4_800 });
  world.socket().open();
  world.connection.sendPacket(packet, flags);
  assert.deepEqual(sequences(world.socket()), []);
  world.socket().receive(welcome());
  world.connection.sendPacket(packet, { ...flags, last: true, silence: true, timestamp: 96_000 });
  const sent = world.socket().sent.slice(1).map((bytes) => decodeFrame(bytes));
  assert.deepEqual(sent.map((frame) => [frame.kind, frame.sequence, frame.timestamp, frame.first, frame.last, frame.silence]), [
    ['up', 0, 4_800, true, false, false],
    ['up', 1, 5_760, false, false, false],
    ['up', 2, 96_000, false, true, true],
  ]);
});

test('a drop in the middle: resumes with what it received, and sends what the server lacks, once', () => {
  const world = setUp();
  join(world);
  for (let n = 0; n < 10; n += 1) world.connection.sendPacket(packet, flags);
  world.socket().receive(caption(1));
  world.socket().receive({ type: 'speech_start', utterance: 1, speaker: 1, lang: 'en', stream: 4 });
  world.socket().receive(down(0));
  world.socket().receive({ type: 'pong', id: 99 });
  world.socket().receive({ type: 'fireworks' });
  world.socket().end(1006);
  const lost = world.states.at(-1);
  assert.equal(lost.state, 'reconnecting');
  assert.equal(lost.code, 1006);
  for (let n = 0; n < 5; n += 1) world.connection.sendPacket(packet, flags);
  assert.equal(world.sockets.length, 1);
  world.clock.advance(lost.retryInMs);
  assert.equal(world.sockets.length, 2);
  world.socket().open();
  // The welcome is not counted; every other message is, also one nobody understands.
  const { token: _, ...hello } = HELLO;
  assert.deepEqual(world.socket().sent, [{ type: 'hello', version: 1, ...hello, resume: 'resume-1', received: 5 }]);
  world.socket().receive(welcome({ resume: 'resume-2', resumed: { packets: 7 } }));
  world.connection.sendPacket(packet, flags);
  assert.deepEqual(sequences(world.socket()), [7, 8, 9, 10, 11, 12, 13, 14, 15]);
  // What was missed comes, and counts on.
  world.socket().receive(down(1));
  world.socket().receive({ type: 'speech_end', utterance: 1, stream: 4 });
  assert.deepEqual(world.frames.map((frame) => frame.sequence), [0, 1]);
  world.socket().end(1006);
  reconnect(world);
  const again = world.socket().sent[0];
  assert.deepEqual([again.resume, again.received], ['resume-2', 7]);
  assert.equal(world.connection.stats.resumes, 1);
});

test('what the old socket still says after its replacement is not heard', () => {
  const world = setUp();
  join(world);
  const old = world.socket();
  old.end(1006);
  reconnect(world);
  old.receive(caption(1));
  world.socket().receive(welcome({ resumed: { packets: 0 } }));
  old.receive(caption(1));
  world.socket().receive(caption(1));
  assert.equal(world.messages.filter((message) => message.type === 'caption').length, 1);
  assert.equal(world.connection.snapshot().received, 1);
});

test('duplicates are dropped: speech that was announced, frames that were played', () => {
  const world = setUp();
  join(world);
  const start = { type: 'speech_start', utterance: 1, speaker: 1, lang: 'en', stream: 4 };
  for (const message of [start, down(0), down(1), start, down(0), down(1), down(2), down(1), down(5)]) world.socket().receive(message);
  const end = { type: 'speech_end', utterance: 1, stream: 4 };
  for (const message of [end, end, down(6)]) world.socket().receive(message);
  assert.deepEqual(world.frames.map((frame) => frame.sequence), [0, 1, 2, 5]);
  assert.equal(world.messages.filter((message) => message.type === 'speech_start').length, 1);
  assert.equal(world.messages.filter((message) => message.type === 'speech_end').length, 1);
  // The number is used again by another utterance.
  world.socket().receive({ ...start, utterance: 2 });
  world.socket().receive(down(0));
  assert.equal(world.frames.length, 5);
  assert.equal(world.connection.stats.duplicates, 5);
});

test('at most 15 s are kept, and not sent faster than the server takes them', () => {
  const world = setUp();
  join(world);
  world.socket().end(1006);
  for (let n = 0; n < KEPT_PACKETS + 500; n += 1) {
    world.connection.sendPacket(packet, flags);
    world.clock.advance(20);
  }
  if (world.socket().readyState !== 0) world.clock.advance(8_000);
  world.socket().open();
  const kept = KEPT_PACKETS + 500;
  const began = world.clock.now;
  world.socket().receive(welcome({ resumed: { packets: 3 } }));
  assert.ok(sequences(world.socket()).length <= 450, 'no more than the server takes at once');
  while (sequences(world.socket()).length < KEPT_PACKETS && world.clock.now - began < 60_000) world.clock.advance(100);
  assert.deepEqual(sequences(world.socket()), Array.from({ length: KEPT_PACKETS }, (_, index) => kept - KEPT_PACKETS + index));
  const seconds = (world.clock.now - began) / 1000;
  assert.ok(KEPT_PACKETS <= 500 + 100 * seconds, 'within the limit of 500 at once and 100 a second');
});

test('a half-open link is noticed within 10 s of the last sign of life', () => {
  const world = setUp();
  join(world);
  const pings = () => world.socket().sent.filter((message) => message.type === 'ping').length;
  for (let n = 0; n < 10; n += 1) {
    world.clock.advance(4_000);
    assert.equal(pings(), n + 1, 'asks when it is quiet');
    world.socket().receive({ type: 'pong', id: n + 1 });
  }
  const quietSince = world.clock.now;
  const dead = world.socket();
  while (world.connection.state === 'open' && world.clock.now - quietSince < 30_000) {
    world.connection.sendPacket(packet, flags);
    world.clock.advance(20);
  }
  assert.ok(world.clock.now - quietSince <= 9_020);
  assert.equal(world.connection.state, 'reconnecting');
  assert.equal(dead.readyState, 3, 'the dead socket is closed');
});

test('sleep: after it, an answer must come soon', () => {
  const world = setUp();
  join(world);
  world.clock.now += 3_000;
  world.environment.document.dispatchEvent(new Event('visibilitychange'));
  assert.equal(world.socket().sent.at(-1).type, 'ping');
  world.clock.advance(2_600);
  assert.equal(world.connection.state, 'reconnecting');

  const other = setUp();
  join(other);
  other.environment.window.dispatchEvent(new Event('online'));
  other.clock.advance(1_000);
  other.socket().receive({ type: 'pong', id: 1 });
  other.clock.advance(3_900);
  assert.equal(other.connection.state, 'open');
});

test('tries at once when the browser says online, else later and later with jitter', () => {
  const world = setUp();
  join(world);
  world.socket().end(1006);
  /** @type {number[]} */
  const waits = [];
  for (let n = 0; n < 8; n += 1) {
    waits.push(world.states.at(-1).retryInMs);
    world.clock.advance(world.states.at(-1).retryInMs);
    world.socket().end(1006);
  }
  assert.deepEqual(waits, [250, 500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
  const before = world.sockets.length;
  world.environment.window.dispatchEvent(new Event('online'));
  assert.equal(world.sockets.length, before + 1);
  world.environment.window.dispatchEvent(new Event('online'));
  assert.equal(world.sockets.length, before + 1, 'an attempt that just began is left alone');

  const jittered = setUp();
  jittered.environment.random = () => 0;
  const half = new Connection({ url: 'wss://stall/v1/session', hello: HELLO }, jittered.environment);
  half.connect();
  jittered.socket().end(1006);
  half.addEventListener('state', () => {});
  assert.equal(half.state, 'reconnecting');
  jittered.clock.advance(125);
  assert.equal(jittered.sockets.length, 2, 'the jitter takes up to half of the wait away');
});

test('an attempt that brings no welcome is given up', () => {
  const world = setUp();
  world.connection.connect();
  world.socket().open();
  world.clock.advance(8_000);
  assert.equal(world.connection.state, 'reconnecting');
});

test('a restarted server: resumption fails, the rejoin token opens a fresh session', () => {
  const world = setUp();
  join(world);
  world.connection.send({ type: 'floor', held: false });
  world.connection.sendPacket(packet, flags);
  world.socket().receive(caption(1));
  world.socket().end(1001);
  world.connection.sendPacket(packet, flags);
  reconnect(world);
  const messages = world.messages.length;
  world.socket().receive({ type: 'error', code: 'resume_failed', text: '', fatal: true });
  const count = world.sockets.length;
  world.socket().end(4010);
  assert.equal(world.sockets.length, count + 1, 'at once');
  assert.equal(world.messages.length, messages, 'nobody needs to know');
  world.socket().open();
  assert.deepEqual(world.socket().sent, [{ type: 'hello', version: 1, ...HELLO, token: 'rejoin' }]);
  world.socket().receive(welcome({ resume: 'resume-9', token: 'rejoin-9' }));
  // Only what no server can have heard.
  assert.deepEqual(sequences(world.socket()), [1]);
  assert.deepEqual(world.socket().sent.filter((message) => message.type === 'floor'), [{ type: 'floor', held: false }]);
  assert.equal(world.connection.snapshot().received, 0, 'a new session counts anew');
  assert.equal(world.connection.snapshot().token, 'rejoin-9');
  assert.equal(world.connection.stats.rejoins, 1);
});

test('a refusal ends it, and says why', () => {
  for (const code of [4000, 4001, 4002, 4003, 4004, 4005, 4011]) {
    const world = setUp();
    world.connection.connect();
    world.socket().open();
    const fault = { type: 'error', code: 'bad_token', text: 'no', fatal: true };
    world.socket().receive(fault);
    world.socket().end(code);
    assert.deepEqual(world.states.at(-1), { state: 'closed', code, fault });
    world.clock.advance(120_000);
    assert.equal(world.sockets.length, 1);
    assert.equal(world.clock.pending, 0);
  }
});

test('a full server is asked again when it says', () => {
  const world = setUp();
  world.connection.connect();
  world.socket().open();
  world.socket().receive({ type: 'error', code: 'server_full', text: '', fatal: true, retry_after: 5 });
  world.socket().end(4006);
  assert.equal(world.states.at(-1).retryInMs, 5_000);
  world.clock.advance(4_900);
  assert.equal(world.sockets.length, 1);
  world.clock.advance(100);
  assert.equal(world.sockets.length, 2);
});

test('our own ghost in the room is waited for', () => {
  const world = setUp();
  join(world);
  world.socket().end(1006);
  reconnect(world);
  world.socket().end(4010);
  world.socket().open();
  world.socket().receive({ type: 'error', code: 'role_taken', text: '', fatal: true });
  world.socket().end(4005);
  assert.equal(world.states.at(-1).state, 'reconnecting');
  while (world.states.at(-1).state !== 'closed' && world.sockets.length < 60) {
    world.clock.advance(world.states.at(-1).retryInMs);
    world.socket().open();
    world.socket().end(4005);
  }
  assert.equal(world.states.at(-1).state, 'closed', 'but not for ever');
});

test('messages wait for the connection, settings only in their latest form', () => {
  const world = setUp();
  join(world);
  world.socket().end(1006);
  assert.equal(world.connection.send({ type: 'say', lang: 'en', text: 'hello' }), false);
  for (const held of [true, false, null]) world.connection.send({ type: 'floor', held });
  world.connection.send({ type: 'language', hear: 'ru' });
  assert.equal(world.connection.send({ type: 'ping', id: 1 }), false);
  reconnect(world);
  world.socket().receive(welcome({ resumed: { packets: 0 } }));
  assert.deepEqual(world.socket().sent.slice(1), [
    { type: 'say', lang: 'en', text: 'hello' },
    { type: 'floor', held: null },
    { type: 'language', hear: 'ru' },
  ]);
  assert.equal(world.connection.send({ type: 'floor', held: true }), true);
  assert.equal(world.connection.snapshot().hello.hear, 'ru');
});

test('a reload resumes from a snapshot', () => {
  const world = setUp();
  join(world);
  for (let n = 0; n < 4; n += 1) world.connection.sendPacket(packet, { ...flags, timestamp: n * 960 });
  world.socket().receive(caption(1));
  world.connection.update({ hear: 'ko' });
  const snapshot = JSON.parse(JSON.stringify(world.connection.snapshot()));
  const reloaded = setUp(snapshot);
  reloaded.connection.connect();
  reloaded.socket().open();
  const { token: _, ...hello } = HELLO;
  assert.deepEqual(reloaded.socket().sent, [{ type: 'hello', version: 1, ...hello, hear: 'ko', resume: 'resume-1', received: 1 }]);
  // The server lacks packets that went with the page.
  reloaded.socket().receive(welcome({ resumed: { packets: 2 } }));
  reloaded.connection.sendPacket(packet, flags);
  assert.deepEqual(sequences(reloaded.socket()), [4]);
  assert.equal(decodeFrame(reloaded.socket().sent.at(-1)).timestamp, 4 * 960);
});

test('leave says goodbye and is the end', () => {
  const world = setUp();
  join(world);
  world.connection.leave();
  assert.deepEqual(world.socket().sent.at(-1), { type: 'bye' });
  assert.deepEqual(world.states.at(-1), { state: 'closed', code: 1000 });
  world.environment.window.dispatchEvent(new Event('online'));
  world.clock.advance(120_000);
  assert.equal(world.sockets.length, 1);
  assert.equal(world.clock.pending, 0);
});

test('broken frames and messages are counted and survived', () => {
  const world = setUp();
  join(world);
  world.socket().receive(Uint8Array.of(1, 2, 3));
  world.socket().onmessage?.({ data: 'not json' });
  world.socket().receive(caption(3));
  assert.equal(world.messages.at(-1).utterance, 3);
  assert.equal(world.connection.stats.badMessages, 2);
  assert.equal(world.connection.snapshot().received, 3);
});
