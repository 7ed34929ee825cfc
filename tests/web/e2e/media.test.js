/**
 * @file The media half alone in a real browser: microphone -> gate -> encoder -> (loop back) -> decoder -> jitter buffer -> element.
 *
 * No server of ours: what the microphone sends is played as if it had been interpreted. Both codecs. Needs chromium (TONGCHUAN_CHROMIUM
 * names another one); asserts what is heard and sent, prints what was measured.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { CHROMIUM, servePages } from './support/pages.js';

const SPEECH = fileURLToPath(new URL('../../fixtures/jfk.wav', import.meta.url));
/** @type {Awaited<ReturnType<typeof servePages>>} */
let pages;
/** @type {import('playwright-core').Browser} */
let browser;

/**
 * A canonical 16 kHz, 16-bit, mono WAV file with seconds of silence around its sound.
 * @param {Buffer} wav
 * @param {number} before
 * @param {number} after
 */
function padded(wav, before, after) {
  const start = wav.indexOf('data') + 8;
  const silence = (/** @type {number} */ seconds) => Buffer.alloc(seconds * 32_000);
  const file = Buffer.concat([wav.subarray(0, start), silence(before), wav.subarray(start), silence(after)]);
  file.writeUInt32LE(file.length - 8, 4);
  file.writeUInt32LE(file.length - start, start - 4);
  return file;
}

before(async () => {
  const recording = join(mkdtempSync(join(tmpdir(), 'media-')), 'talk.wav');
  // 2 s of silence, 11 s of speech, silence: the end of the speech must be found, too.
  writeFileSync(recording, padded(readFileSync(SPEECH), 2, 30));
  pages = await servePages('<!doctype html><title>media</title><link rel="icon" href="data:,"><button>start</button>');
  browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: [
      '--no-sandbox',
      '--use-fake-ui-for-media-stream',
      '--use-fake-device-for-media-stream',
      `--use-file-for-fake-audio-capture=${recording}%noloop`,
    ],
  });
});

after(async () => {
  await browser?.close();
  pages?.close();
});

/**
 * Runs in the page: talks to itself and reports.
 * @param {boolean} forceWasm
 */
async function loopBack(forceWasm) {
  const load = (/** @type {string} */ path) => import(path);
  const { Capture } = await load('/capture.js');
  const { Playback } = await load('/playback.js');
  const capture = new Capture();
  const playback = new Playback({ forceWasm });
  /** @type {{states: string[], sent: number, sentLate: number, firsts: number, lasts: number, played: any[], loudest: number, after: number,
   *   longTasks: number[], heardMs: number, errors: string[]}} */
  const seen = { states: [], sent: 0, sentLate: 0, firsts: 0, lasts: 0, played: [], loudest: 0, after: 0, longTasks: [], heardMs: 0, errors: [] };
  addEventListener('error', (event) => seen.errors.push(event.message));
  addEventListener('unhandledrejection', (event) => seen.errors.push(String(event.reason)));
  capture.addEventListener('state', (/** @type {any} */ event) => seen.states.push(event.detail.state));
  playback.addEventListener('played', (/** @type {any} */ event) => seen.played.push(event.detail));
  await new Promise((resolve) => {
    const button = /** @type {HTMLButtonElement} */ (document.querySelector('button'));
    button.addEventListener('click', () => resolve(Promise.all([playback.unlock(), capture.start({ forceWasm })])), { once: true });
    button.dataset.ready = 'yes';
  });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) seen.longTasks.push(entry.duration);
  }).observe({ type: 'longtask' });

  let utterance = 0;
  let sequence = 0;
  capture.addEventListener('packet', (/** @type {any} */ { detail }) => {
    if (detail.first) {
      utterance += 1;
      sequence = 0;
      seen.firsts += 1;
      playback.speechStart({ type: 'speech_start', utterance, speaker: 1, lang: 'en', stream: utterance });
    }
    seen.sent += detail.data.byteLength;
    // Two packets go missing, to be concealed.
    if (sequence !== 60 && sequence !== 61) playback.frame({ stream: utterance, sequence, timestamp: 0, first: detail.first, last: detail.last, silence: false, payload: detail.data, kind: 'down' });
    sequence += 1;
    if (detail.last) {
      seen.lasts += 1;
      playback.speechEnd({ type: 'speech_end', utterance, stream: utterance });
    }
  });

  // What the element plays, looked at from outside.
  const listener = new AudioContext();
  const analyser = new AnalyserNode(listener, { fftSize: 1024 });
  listener.createMediaStreamSource(playback.element.srcObject).connect(analyser);
  const samples = new Float32Array(1024);
  const level = () => {
    analyser.getFloatTimeDomainData(samples);
    return Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
  };
  const began = performance.now();
  while (performance.now() - began < 17_000) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    const now = level();
    seen.loudest = Math.max(seen.loudest, now);
    if (now > 0.005) seen.heardMs += 20;
  }
  const sentBefore = capture.stats.bytes;
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  seen.sentLate = capture.stats.bytes - sentBefore;
  seen.after = level();
  const again = playback.replay(1, 'en');
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const replayed = level();
  playback.stop();
  const state = capture.state;
  capture.stop();
  return { ...seen, again, replayed, state, capture: JSON.parse(JSON.stringify(capture.stats)), playback: JSON.parse(JSON.stringify(playback.stats)), codec: playback.codec };
}

for (const [codec, forceWasm] of /** @type {const} */ ([['webcodecs', false], ['wasm', true]])) {
  test(`a voice goes round: ${codec}`, { timeout: 60_000 }, async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    /** @type {string[]} */
    const requested = [];
    /** @type {string[]} */
    const complaints = [];
    page.on('request', (request) => requested.push(new URL(request.url()).pathname));
    page.on('console', (message) => complaints.push(message.text()));
    await page.goto(pages.url);
    const running = page.evaluate(loopBack, forceWasm);
    await page.locator('button[data-ready]').click();
    const seen = await running;
    await context.close();
    const { capture, playback } = seen;
    console.log(JSON.stringify(seen));

    assert.deepEqual(seen.errors, []);
    assert.deepEqual(complaints, []);
    assert.equal(seen.state.codec, codec);
    assert.equal(seen.codec, codec);
    assert.equal(seen.state.state, 'on');
    assert.equal(requested.includes('/vendor/libopus.wasm'), forceWasm, 'the WebAssembly is loaded where it is needed, only there');
    assert.ok(seen.firsts >= 1 && seen.firsts === seen.lasts, 'utterances begin and end');
    assert.ok(seen.loudest > 0.02, 'the element plays sound');
    assert.ok(seen.heardMs > 5_000, 'most of the speech is heard');
    assert.ok(seen.after < 0.003, 'silence after it');
    assert.ok(seen.again && seen.replayed > 0.005, 'it is heard again');
    assert.equal(seen.sentLate, 0, 'silence costs nothing');
    const seconds = capture.packets / 50;
    assert.ok(capture.bytes / seconds < 3_500, 'about 3 KiB a second');
    assert.equal(playback.lost, 2 * seen.firsts);
    assert.ok(playback.addedLatencyMs.count >= 1);
  });
}
