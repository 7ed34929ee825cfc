/**
 * @file Recordings: what the fake microphones say, and what the loudspeakers played.
 *
 * Decodes the fixtures with the browser that is there anyway, lays them out on a timeline of silence and writes 48 kHz WAV.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './server.js';

export const RATE = 48_000;
const TRADE = join(ROOT, 'tests/fixtures/trade');

/** @typedef {{id: string, speaker: string, lang: string, text: string, reference: string, numbers: string[]}} Line */

/** The lines of the recorded dialogue, by id. @type {Map<string, Line>} */
export const LINES = new Map(
  readFileSync(join(TRADE, 'dialogue.tsv'), 'utf8').trim().split('\n').slice(1).map((row) => {
    const [id, speaker, lang, text, reference, numbers = ''] = row.split('\t');
    return [id, { id, speaker, lang, text, reference, numbers: numbers.split(';').filter(Boolean) }];
  }),
);

/** @param {string} id */
export function line(id) {
  const found = LINES.get(id);
  if (!found) throw new Error(`no line ${id} in the recorded dialogue`);
  return found;
}

/** @type {Map<string, Int16Array>} */
const decoded = new Map();

/**
 * Decodes recordings once, in a page of the browser under test.
 * @param {import('playwright-core').Page} page
 * @param {string[]} ids
 */
export async function load(page, ids) {
  for (const id of ids) {
    if (decoded.has(id)) continue;
    decoded.set(id, await decode(page, readFileSync(join(TRADE, `${id}.${line(id).lang}.opus`))));
  }
}

/**
 * @param {import('playwright-core').Page} page
 * @param {Buffer} file Ogg or WebM
 */
export async function decode(page, file) {
  const pcm = await page.evaluate(async ({ base64, rate }) => {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    const sound = await new OfflineAudioContext(1, 1, rate).decodeAudioData(bytes.buffer);
    const samples = Int16Array.from(sound.getChannelData(0), (x) => Math.max(-1, Math.min(1, x)) * 32767);
    let text = '';
    const raw = new Uint8Array(samples.buffer);
    for (let at = 0; at < raw.length; at += 32_768) text += String.fromCharCode(...raw.subarray(at, at + 32_768));
    return btoa(text);
  }, { base64: file.toString('base64'), rate: RATE });
  const raw = Buffer.from(pcm, 'base64');
  return new Int16Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.byteLength));
}

/** Seconds of a loaded recording. @param {string} id */
export function seconds(id) {
  return pcm(id).length / RATE;
}

/** @param {string} id */
function pcm(id) {
  const samples = decoded.get(id);
  if (!samples) throw new Error(`recording ${id} is not loaded`);
  return samples;
}

/**
 * Writes recordings and pauses one after the other.
 * @param {string} path
 * @param {(string | number)[]} parts ids of recordings, and seconds of silence
 */
export function writeScript(path, parts) {
  const pieces = parts.map((part) => (typeof part === 'number' ? new Int16Array(Math.round(part * RATE)) : pcm(part)));
  const all = new Int16Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  writeWav(path, all);
}

/** @param {string} path @param {Int16Array} samples mono, 48 kHz */
export function writeWav(path, samples) {
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + samples.byteLength, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20); // PCM
  header.writeUInt16LE(1, 22); // mono
  header.writeUInt32LE(RATE, 24);
  header.writeUInt32LE(RATE * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36);
  header.writeUInt32LE(samples.byteLength, 40);
  writeFileSync(path, Buffer.concat([header, Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength)]));
}

/** Loudness of the loudest 20 ms, dBFS. @param {Int16Array} samples */
export function peakDb(samples) {
  const frame = RATE / 50;
  let best = 0;
  for (let at = 0; at + frame <= samples.length; at += frame) {
    let sum = 0;
    for (let i = at; i < at + frame; i++) sum += samples[i] ** 2;
    best = Math.max(best, sum / frame);
  }
  return 10 * Math.log10(Math.max(best, 1) / 32_768 ** 2);
}
