/**
 * @file The player under loss, jitter, stalls and disorder: everything is played, once, in order, without clicks.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Player } from '../../../src/web/jitter.js';
import { seeded } from './support/random.js';

const RATE = 48_000;
const PACKET = 960;
const QUANTUM = 128;
const MS = RATE / 1000;

/** A voice-like tone with its overtones; steps between its samples stay below 0.05. @param {number} count @param {number} [from] */
function voice(count, from = 0) {
  return Float32Array.from({ length: count }, (_, index) => {
    const t = (2 * Math.PI * 150 * (from + index)) / RATE;
    return 0.3 * Math.sin(t) + 0.1 * Math.sin(2 * t) + 0.05 * Math.sin(3 * t);
  });
}
const STEP = 0.05;

/** @param {Float32Array} sound */
const largestStep = (sound) => sound.reduce((largest, sample, index) => Math.max(largest, Math.abs(sample - (index ? sound[index - 1] : 0))), 0);
/** @param {Float32Array} sound */
const energy = (sound) => sound.reduce((sum, sample) => sum + sample * sample, 0);
/** @param {Float32Array} sound @param {number} [threshold] */
const onset = (sound, threshold = 1e-3) => sound.findIndex((sample) => Math.abs(sample) > threshold);

/**
 * Plays for `ms`; `deliver` is called before every quantum with the time in milliseconds.
 * @param {Player} player @param {number} ms @param {(now: number) => void} [deliver]
 */
function play(player, ms, deliver) {
  const quanta = Math.ceil((ms * MS) / QUANTUM);
  const sound = new Float32Array(quanta * QUANTUM);
  for (let n = 0; n < quanta; n += 1) {
    deliver?.((n * QUANTUM) / MS);
    player.pull(sound.subarray(n * QUANTUM, (n + 1) * QUANTUM));
  }
  return sound;
}

/** @param {{at: number, action: () => void}[]} schedule */
function deliverer(schedule) {
  const rest = [...schedule].sort((a, b) => a.at - b.at);
  return (/** @type {number} */ now) => {
    while (rest.length > 0 && rest[0].at <= now) /** @type {{action: () => void}} */ (rest.shift()).action();
  };
}

test('a clause that comes faster than it is played starts at once and is played whole', () => {
  const player = new Player();
  player.open(1);
  for (let n = 0; n < 50; n += 1) player.push(1, voice(PACKET, n * PACKET));
  player.close(1);
  const sound = play(player, 1_500);
  assert.ok(onset(sound) < 5 * MS);
  const whole = voice(50 * PACKET);
  for (let i = 10 * MS; i < whole.length; i += 1) assert.ok(Math.abs(sound[i] - whole[i]) < 1e-6, `sample ${i}`);
  assert.ok(largestStep(sound) < STEP);
  assert.equal(energy(sound.subarray(whole.length + 30 * MS)), 0);
  assert.deepEqual(player.events, [
    { is: 'started', id: 1 },
    { is: 'ended', id: 1, underruns: 0, concealedMs: 0 },
  ]);
  assert.ok(player.idle);
});

test('packets at the pace of speech start after the least delay', () => {
  const player = new Player();
  player.open(1);
  const sound = play(player, 1_000, deliverer(Array.from({ length: 40 }, (_, n) => ({ at: 100 + n * 20, action: () => player.push(1, voice(PACKET, n * PACKET)) }))));
  const started = onset(sound) / MS;
  assert.ok(started >= 100 && started <= 130, `${started}`);
  assert.ok(largestStep(sound) < STEP);
});

test('ten seeds of jitter: nothing is lost or doubled, the delay grows to what is needed and no further', () => {
  for (let seed = 1; seed <= 10; seed += 1) {
    const random = seeded(seed);
    const player = new Player();
    /** @type {number[]} */
    const all = [];
    for (let stream = 1; stream <= 6; stream += 1) {
      player.open(stream);
      let latest = 0;
      // TCP: what comes late holds up what follows.
      const schedule = Array.from({ length: 100 }, (_, n) => {
        latest = Math.max(latest, n * 20 + random() * 80);
        return { at: latest, action: () => player.push(stream, new Float32Array(PACKET).fill(0.1)) };
      });
      schedule.push({ at: latest + 1, action: () => player.close(stream) });
      const sound = play(player, 3_500, deliverer(schedule));
      const events = player.events.splice(0);
      assert.deepEqual(events.map((event) => event.is), ['started', 'ended'], `seed ${seed}`);
      const underruns = events[1].is === 'ended' ? events[1].underruns : NaN;
      all.push(underruns);
      // Every sample was played: fades take a little of each end, bridges add a little.
      const loud = sound.filter((sample) => sample > 0.05).length;
      assert.ok(Math.abs(loud - 100 * PACKET) < (2 + 2 * underruns) * 25 * MS, `seed ${seed}: ${loud - 100 * PACKET}`);
      assert.ok(largestStep(sound) < 0.01, `seed ${seed}: no click`);
    }
    // It forgets a little with each good stream, so it may stumble again, but seldom.
    assert.ok(all.reduce((sum, underruns) => sum + underruns) <= 5, `seed ${seed}: ${all}`);
    assert.ok(player.delayMs <= 110, `seed ${seed}: ${player.delayMs}`);
  }
});

test('an underrun fades out and comes back softly; the delay learns from it', () => {
  const player = new Player();
  const before = player.delayMs;
  player.open(1);
  const schedule = Array.from({ length: 60 }, (_, n) => ({ at: n * 20 + (n >= 30 ? 100 : 0), action: () => player.push(1, voice(PACKET, n * PACKET)) }));
  const sound = play(player, 1_600, deliverer([...schedule, { at: 1_400, action: () => player.close(1) }]));
  assert.ok(largestStep(sound) < STEP, `${largestStep(sound)}`);
  assert.equal(player.events.filter((event) => event.is === 'ended' && event.underruns === 1).length, 1);
  assert.ok(player.delayMs > before + 50 && player.delayMs <= 200, `${player.delayMs}`);
});

test('a good network lowers the delay again', () => {
  const player = new Player();
  player.open(1);
  play(player, 700, deliverer([0, 150].map((at) => ({ at, action: () => player.push(1, voice(PACKET)) }))));
  player.close(1);
  play(player, 100);
  const learned = player.delayMs;
  assert.ok(learned > 100);
  for (let stream = 2; stream < 60; stream += 1) {
    player.open(stream);
    player.push(stream, voice(PACKET * 10));
    player.close(stream);
    play(player, 500);
  }
  assert.equal(player.delayMs, 20);
});

test('a pause between clauses is a pause, not jitter', () => {
  const player = new Player();
  player.open(1);
  const sound = play(player, 3_000, deliverer([
    { at: 0, action: () => player.push(1, voice(PACKET * 25)) },
    { at: 2_000, action: () => player.push(1, voice(PACKET * 25)) },
    { at: 2_001, action: () => player.close(1) },
  ]));
  assert.equal(player.delayMs, 20);
  assert.equal(energy(sound.subarray(600 * MS, 1_990 * MS)), 0);
  assert.ok(onset(sound.subarray(2_000 * MS)) < 10 * MS);
  assert.deepEqual(player.events.at(-1), { is: 'ended', id: 1, underruns: 0, concealedMs: 0 });
  assert.ok(largestStep(sound) < STEP);
});

test('after a stall what waited is played in its time, never at once', () => {
  const player = new Player();
  const all = Array.from({ length: 150 }, (_, n) => n);
  player.open(1);
  player.open(2);
  // 20 s of nothing, then everything within one moment.
  const sound = play(player, 30_000, deliverer([
    ...all.slice(0, 20).map((n) => ({ at: n * 20, action: () => player.push(1, voice(PACKET, n * PACKET)) })),
    ...all.slice(20).map((n) => ({ at: 20_000, action: () => player.push(1, voice(PACKET, n * PACKET)) })),
    { at: 20_000, action: () => player.close(1) },
    ...all.map((n) => ({ at: 20_000, action: () => player.push(2, voice(PACKET, n * PACKET)) })),
    { at: 20_000, action: () => player.close(2) },
  ]));
  const peak = sound.reduce((largest, sample) => Math.max(largest, Math.abs(sample)), 0);
  const peakOfOne = voice(PACKET * 2).reduce((largest, sample) => Math.max(largest, Math.abs(sample)), 0);
  assert.ok(peak <= peakOfOne + 1e-6, 'never two at once');
  assert.ok(largestStep(sound) < STEP);
  const sounding = sound.filter((sample) => sample !== 0).length / MS;
  assert.ok(Math.abs(sounding - 6_000) < 120, `${sounding} ms of 6000`);
  assert.deepEqual(player.events.map((event) => [event.is, event.id]), [['started', 1], ['ended', 1], ['started', 2], ['ended', 2]]);
});

test('unknown samples take their time: bridged, fading, without a click', () => {
  for (const lost of [1, 2, 5]) {
    const player = new Player();
    player.open(1);
    player.push(1, voice(PACKET * 20));
    player.gap(1, lost * PACKET);
    player.push(1, voice(PACKET * 20, (20 + lost) * PACKET));
    player.close(1);
    const sound = play(player, 1_500);
    assert.ok(largestStep(sound) < STEP, `${lost}: ${largestStep(sound)}`);
    const gap = sound.subarray(20 * PACKET, (20 + lost) * PACKET);
    assert.ok(energy(gap.subarray(0, 10 * MS)) > 0.2 * energy(sound.subarray(10 * PACKET, 10 * PACKET + 10 * MS)), 'goes on');
    assert.ok(energy(gap.subarray(70 * MS)) === 0, 'not for long');
    const after = (20 + lost) * PACKET + 10 * MS;
    const expected = voice(PACKET, after);
    assert.ok(expected.every((sample, index) => Math.abs(sample - sound[after + index]) < 1e-6), 'time stays true');
    assert.deepEqual(player.events.at(-1), { is: 'ended', id: 1, underruns: 0, concealedMs: lost * 20 });
  }
});

test('utterances queue in the order they were announced, with a breath between', () => {
  const player = new Player();
  for (const id of [1, 2, 3]) player.open(id);
  // The third is there first, the second never gets a sound.
  player.push(3, new Float32Array(PACKET * 10).fill(0.3));
  player.close(3);
  player.close(2);
  const quiet = play(player, 200);
  assert.equal(energy(quiet), 0);
  player.push(1, new Float32Array(PACKET * 10).fill(0.1));
  player.close(1);
  const sound = play(player, 800);
  assert.deepEqual(player.events.map((event) => [event.is, event.id]), [['started', 1], ['ended', 1], ['ended', 2], ['started', 3], ['ended', 3]]);
  const [first, second] = [onset(sound, 0.05), onset(sound, 0.2)];
  assert.ok(first < 10 * MS);
  assert.ok(second - first > (200 + 100) * MS, 'a breath');
});

test('a stream whose end was lost does not silence the others for ever', () => {
  const player = new Player();
  player.open(1);
  player.push(1, voice(PACKET * 5));
  play(player, 1_000);
  player.open(2);
  player.push(2, voice(PACKET * 5));
  player.close(2);
  play(player, 12_000);
  assert.deepEqual(player.events.map((event) => [event.is, event.id]), [['started', 1], ['ended', 1], ['started', 2], ['ended', 2]]);
  player.push(1, voice(PACKET));
  assert.equal(energy(play(player, 100)), 0, 'what comes for it afterwards is not played');
});

test('stopping in the middle of a word does not click', () => {
  const player = new Player();
  player.open(1);
  player.open(2);
  player.push(1, voice(PACKET * 20));
  player.push(2, voice(PACKET * 20));
  const before = play(player, 150);
  player.clear();
  const after = play(player, 300);
  assert.ok(largestStep(Float32Array.of(...before, ...after)) < STEP);
  assert.equal(energy(after.subarray(30 * MS)), 0);
  assert.ok(player.idle);
  assert.deepEqual(player.events.map((event) => [event.is, event.id]), [['started', 1], ['ended', 1], ['ended', 2]]);
});

test('what waits is bounded', () => {
  const player = new Player();
  player.open(1);
  for (let n = 0; n < 7_000; n += 1) player.push(1, new Float32Array(PACKET));
  assert.equal(player.dropped, 1_000 * PACKET);
});

test('other rates than 48 kHz: the same in milliseconds', () => {
  const player = new Player(44_100);
  player.open(1);
  player.push(1, new Float32Array(44_100).fill(0.2));
  player.close(1);
  const sound = new Float32Array(128 * 400);
  for (let at = 0; at < sound.length; at += 128) player.pull(sound.subarray(at, at + 128));
  const loud = sound.filter((sample) => sample > 0.1).length;
  assert.ok(Math.abs(loud - 44_100) < 882);
});
