/**
 * @file The gate: silence costs nothing, and no speech is lost to it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Gate, HANGOVER, level } from '../../../src/web/gate.js';
import { seeded } from './support/random.js';

/** @param {Gate} gate @param {number[]} levels */
const run = (gate, levels) => levels.map((db) => gate.push(db));
/** @param {number} seconds @param {number} db @param {() => number} [random] noise of 3 dB either way */
const stretch = (seconds, db, random) => Array.from({ length: seconds * 50 }, () => db + (random ? (random() - 0.5) * 6 : 0));
/** @param {{open: boolean}[]} decisions */
const sent = (decisions) => decisions.filter(({ open }) => open).length;

test('silence and microphone noise are not sent', () => {
  const random = seeded(1);
  assert.equal(sent(run(new Gate(), stretch(60, -96))), 0);
  assert.equal(sent(run(new Gate(), stretch(60, -72, random))), 0);
});

test('speech opens it at once, and silence is sent until the server has heard the end', () => {
  const gate = new Gate();
  run(gate, stretch(5, -70));
  const speech = run(gate, stretch(2, -28));
  assert.deepEqual(speech[0], { open: true, first: true, last: false, speaking: true });
  assert.equal(sent(speech), 100);
  assert.equal(speech.filter(({ first }) => first).length, 1);
  const tail = run(gate, stretch(3, -70));
  assert.equal(sent(tail), HANGOVER);
  assert.ok(HANGOVER * 20 > 800, 'longer than the longest hangover of the server');
  assert.deepEqual(tail.map(({ last }, index) => (last ? index : -1)).filter((index) => index >= 0), [HANGOVER - 1]);
  assert.ok(tail.every(({ speaking }) => !speaking));
});

test('pauses inside a sentence do not close it', () => {
  const gate = new Gate();
  run(gate, stretch(3, -70));
  let firsts = 0;
  for (let word = 0; word < 10; word += 1) {
    for (const { first, last } of [...run(gate, stretch(0.4, -30)), ...run(gate, stretch(0.5, -70))]) {
      firsts += Number(first);
      assert.ok(!last);
    }
  }
  assert.equal(firsts, 1);
});

test('steady noise closes it after a while, speech above it opens it', () => {
  for (const noise of [-60, -50, -42]) {
    const random = seeded(-noise);
    const gate = new Gate();
    run(gate, stretch(15, noise, random));
    assert.equal(sent(run(gate, stretch(20, noise, random))), 0, `${noise} dB`);
    const speech = run(gate, stretch(1, noise + 15, random));
    assert.equal(sent(speech), 50, `${noise} dB`);
  }
});

test('loud speech is never taken for noise, however long it lasts', () => {
  const gate = new Gate();
  const speech = run(gate, stretch(60, -20));
  assert.equal(sent(speech), 60 * 50);
  assert.ok(speech.every(({ last }) => !last));
});

test('level: RMS in dBFS', () => {
  assert.equal(level(new Float32Array(960)), -96);
  assert.ok(Math.abs(level(new Float32Array(960).fill(1))) < 1e-6);
  assert.ok(Math.abs(level(new Float32Array(960).fill(0.1)) + 20) < 1e-3);
});
