/**
 * @file The vendored codec: what it encodes it decodes, what others encoded it decodes, and what is lost it conceals.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Libopus } from '../../../src/web/libopus.js';
import { packetSamples } from '../../../src/web/opus.js';
import { packetsOf } from './support/ogg.js';
import { seeded } from './support/random.js';

const vendor = new URL('../../../src/web/vendor/', import.meta.url);
const wasm = readFileSync(new URL('libopus.wasm', vendor));
const libopus = await Libopus.load(wasm);
const PACKET = 960;
const SETTINGS = { bitrate: 24_000, complexity: 5, lossPercent: 5 };

/** 16 kHz recording, as 48 kHz blocks: each sample thrice would do for a codec that listens to 8 kHz; here linear. */
function speech() {
  const file = readFileSync(new URL('../../fixtures/jfk.wav', import.meta.url));
  const data = file.indexOf('data') + 8;
  const samples = new Int16Array(file.buffer.slice(file.byteOffset + data, file.byteOffset + file.length - ((file.length - data) % 2)));
  const out = new Float32Array((samples.length - 1) * 3);
  for (let i = 0; i < out.length; i += 1) {
    const [index, part] = [Math.floor(i / 3), (i % 3) / 3];
    out[i] = (samples[index] * (1 - part) + samples[index + 1] * part) / 32_768;
  }
  return out;
}

/** @param {Float32Array} sound */
const blocks = (sound) => Array.from({ length: Math.floor(sound.length / PACKET) }, (_, n) => sound.subarray(n * PACKET, (n + 1) * PACKET));
/** @param {Float32Array} sound */
const rms = (sound) => Math.sqrt(sound.reduce((sum, sample) => sum + sample * sample, 0) / sound.length);

/** Greatest likeness (1: the same) of two sounds within 20 ms of delay. @param {Float32Array} wanted @param {Float32Array} got */
function likeness(wanted, got) {
  let best = 0;
  for (let delay = 0; delay < PACKET; delay += 4) {
    let [product, a, b] = [0, 1e-9, 1e-9];
    for (let i = 0; i + delay < got.length; i += 3) {
      product += wanted[i] * got[i + delay];
      a += wanted[i] ** 2;
      b += got[i + delay] ** 2;
    }
    best = Math.max(best, product / Math.sqrt(a * b));
  }
  return best;
}

/** @param {Float32Array[]} parts */
function join(parts) {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

test('the bytes are those that the note describes', () => {
  const digest = createHash('sha256').update(wasm).digest('hex');
  assert.match(readFileSync(new URL('README.md', vendor), 'utf8'), new RegExp(digest));
  assert.equal(libopus.version, 'libopus 1.6.1');
});

test('speech: 3 KiB a second, and it comes back as it was', () => {
  const sound = speech();
  const [encoder, decoder] = [libopus.encoder(SETTINGS), libopus.decoder()];
  const packets = blocks(sound).map((block) => encoder.encode(block));
  assert.ok(packets.every((packet) => packetSamples(packet) === PACKET), 'packets of 20 ms');
  const bytes = packets.reduce((sum, packet) => sum + packet.length, 0);
  const perSecond = bytes / (packets.length / 50);
  assert.ok(perSecond > 1_500 && perSecond < 3_300, `${perSecond} bytes a second`);
  const got = join(packets.map((packet) => decoder.decode(packet)));
  assert.equal(got.length, packets.length * PACKET);
  assert.ok(likeness(sound, got) > 0.9, `${likeness(sound, got)}`);
  encoder.free();
  decoder.free();
});

test('packets of another encoder: the recording that the server reads, too', () => {
  const packets = packetsOf(readFileSync(new URL('../../fixtures/speech.opus', import.meta.url)));
  assert.ok(packets.length > 20);
  const decoder = libopus.decoder();
  const usable = packets.filter((packet) => packetSamples(packet) === PACKET);
  assert.ok(usable.length > 0.9 * packets.length);
  const got = join(usable.map((packet) => decoder.decode(packet)));
  assert.equal(got.length, usable.length * PACKET);
  assert.ok(rms(got) > 0.01 && rms(got) < 0.5);
  decoder.free();
});

test('10 % loss: time stays true, the voice goes on', () => {
  const sound = speech();
  const random = seeded(7);
  const [encoder, decoder] = [libopus.encoder({ ...SETTINGS, lossPercent: 20 }), libopus.decoder()];
  const packets = blocks(sound).map((block) => encoder.encode(block));
  const parts = [];
  let lost = 0;
  for (const [n, packet] of packets.entries()) {
    if (n > 0 && n + 1 < packets.length && random() < 0.1) {
      lost += 1;
      continue;
    }
    if (lost > 0) parts.push(decoder.conceal(lost, packet));
    lost = 0;
    parts.push(decoder.decode(packet));
  }
  const got = join(parts);
  assert.equal(got.length, packets.length * PACKET);
  assert.ok(likeness(sound, got) > 0.85, `${likeness(sound, got)}`);
});

test('garbage is an error, and the next packet works', () => {
  const encoder = libopus.encoder(SETTINGS);
  const decoder = libopus.decoder();
  const packet = encoder.encode(speech().subarray(PACKET * 40, PACKET * 41));
  decoder.decode(packet);
  assert.throws(() => decoder.decode(Uint8Array.of(0xff, 0x3f, 1)), RangeError);
  assert.throws(() => decoder.decode(new Uint8Array(5_000)), RangeError);
  assert.equal(decoder.conceal(1, null).length, PACKET);
  assert.equal(decoder.decode(packet).length, PACKET);
  assert.throws(() => encoder.encode(new Float32Array(100)), RangeError);
});

test('many streams do not use memory up', () => {
  const block = speech().subarray(PACKET * 40, PACKET * 41);
  for (let n = 0; n < 2_000; n += 1) {
    const [encoder, decoder] = [libopus.encoder(SETTINGS), libopus.decoder()];
    if (n % 100 === 0) assert.equal(decoder.decode(encoder.encode(block)).length, PACKET);
    encoder.free();
    decoder.free();
  }
});

test('how long a packet lasts is read off its first bytes', () => {
  /** @type {[number[], number][]} configuration << 3 | stereo << 2 | frames */
  const cases = [[[0x48], 960], [[0x40], 480], [[0x78], 960], [[0x70], 480], [[0x08], 960], [[0x18], 2_880], [[0xf8], 960], [[0xe0], 120], [[0x49], 1_920], [[0x4b, 0x03], 2_880], [[], 0]];
  for (const [bytes, samples] of cases) assert.equal(packetSamples(Uint8Array.from(bytes)), samples, String(bytes));
});
