/**
 * @file The resampler: the same sound at another rate, whatever the blocks.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Resampler } from '../../../src/web/resample.js';
import { seeded } from './support/random.js';

/** @param {number} rate @param {number} hertz @param {number} seconds */
const tone = (rate, hertz, seconds) => Float32Array.from({ length: rate * seconds }, (_, index) => 0.5 * Math.sin((2 * Math.PI * hertz * index) / rate));

/** @param {Resampler} resampler @param {Float32Array} sound @param {() => number} size */
function convert(resampler, sound, size) {
  const blocks = [];
  for (let at = 0; at < sound.length; ) {
    const count = size();
    blocks.push(resampler.push(sound.subarray(at, at + count)));
    at += count;
  }
  return Float32Array.of(...blocks.flatMap((block) => [...block]));
}

/** How far two sounds differ, in dB below the first; the edges, where the filter has no neighbours, are left out. @param {Float32Array} wanted @param {Float32Array} got */
function difference(wanted, got) {
  let [noise, signal] = [0, 0];
  for (let i = 200; i < Math.min(wanted.length, got.length) - 200; i += 1) {
    noise += (wanted[i] - got[i]) ** 2;
    signal += wanted[i] ** 2;
  }
  return 10 * Math.log10(noise / signal);
}

test('speech frequencies survive every usual rate', () => {
  for (const rate of [8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000]) {
    for (const hertz of [100, 440, 1_000, 3_000, 6_500].filter((hertz) => hertz < rate * 0.38)) {
      const got = convert(new Resampler(rate, 48_000), tone(rate, hertz, 0.25), () => 128);
      const error = difference(tone(48_000, hertz, 0.25), got);
      assert.ok(error < -55, `${rate} Hz, tone of ${hertz} Hz: ${error.toFixed(1)} dB`);
      // The last samples wait for their neighbours.
      assert.ok(Math.abs(got.length - 12_000) <= 17 * Math.max(1, 48_000 / rate), `${rate}: ${got.length}`);
    }
  }
});

test('what the lower rate cannot hold is removed, not folded into the voice', () => {
  for (const [from, to, hertz] of [[96_000, 48_000, 30_000], [48_000, 16_000, 11_000], [96_000, 48_000, 40_000]]) {
    const got = convert(new Resampler(from, to), tone(from, hertz, 0.25), () => 128).subarray(200);
    const loudest = got.reduce((largest, sample) => Math.max(largest, Math.abs(sample)), 0);
    assert.ok(loudest < 0.005, `${from} to ${to}, ${hertz} Hz: ${loudest}`);
  }
});

test('blocks of any size give the same sound', () => {
  const sound = tone(44_100, 700, 0.5);
  const whole = convert(new Resampler(44_100, 48_000), sound, () => sound.length);
  const random = seeded(3);
  const pieces = convert(new Resampler(44_100, 48_000), sound, () => 1 + Math.floor(random() * 500));
  assert.equal(pieces.length, whole.length);
  assert.ok(difference(whole, pieces) < -90);
});

test('an hour does not drift', () => {
  const resampler = new Resampler(44_100, 48_000);
  const block = new Float32Array(44_100);
  let count = 0;
  for (let second = 0; second < 60; second += 1) count += resampler.push(block).length;
  assert.ok(Math.abs(count - 60 * 48_000) < 40, `${count}`);
});
