/**
 * @file Scenario 2: they talk, both ways. What is recognised, what is translated, what is heard, the amounts, and what it costs.
 */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { line, peakDb, seconds, writeWav } from './support/audio.js';
import { percentile, report } from './support/report.js';
import { errorRate, soundErrorRate } from './support/score.js';
import { recognise } from './support/stall.js';

/** What whisper base hears in these recordings is better; a caption worse than that is no caption. */
const SOURCE_ERRORS = 0.35;
/** The interpretation, spoken by a synthesiser, decoded, played, recorded and recognised again. */
const HEARD_ERRORS = 0.35;

/**
 * @param {import('./support/stall.js').Stall} stall
 * @param {import('./support/phone.js').Phone} speaker
 * @param {string[]} ids
 */
export async function interpreted(stall, speaker, ids) {
  const listener = stall.partner(speaker);
  const { sources, targets, samples, element } = await stall.talk(speaker, ids);

  const lang = line(ids[0]).lang;
  const said = ids.map((id) => line(id).text).join(' ');
  const wrong = errorRate(lang, said, sources.map(({ text }) => text).join(' '));
  assert.ok(wrong <= SOURCE_ERRORS, `recognised ${JSON.stringify(sources)}: error rate ${wrong.toFixed(2)}`);

  const target = targets[0].lang;
  const captions = targets.map(({ text }) => text).join(' ');
  assert.ok(!element.muted && !element.paused && element.volume > 0, `the element plays: ${JSON.stringify(element)}`);
  const heard = await recognise(listener, target, samples, writeWav);
  const lost = soundErrorRate(target, captions, heard);
  assert.ok(lost <= HEARD_ERRORS, `shown ${captions}, heard ${heard}: error rate ${lost.toFixed(2)}`);
  report(`${lang} to ${target}: recognised, and heard again`, `${(wrong * 100).toFixed(0)} % and ${(lost * 100).toFixed(0)} % errors`);
  return { sources, targets };
}

/** @param {import('./support/stall.js').Stall} stall */
export function talking(stall) {
  stall.step('the merchant speaks, the buyer reads and hears it in English, amounts as digits', async () => {
    const { merchant, buyer } = stall;
    const { sources } = await interpreted(stall, merchant, ['d03', 'd17']);
    // Both sides are shown the price as digits; the recogniser wrote it as digits or as words.
    assert.ok(/35|三十五/.test(sources[0].text), `the price was recognised: ${sources[0].text}`);
    for (const phone of [merchant, buyer]) {
      const amounts = await phone.get('amount').allTextContents();
      assert.ok(amounts.some((text) => /\b35\b/.test(text)), `${phone.name} sees the price large: ${amounts}`);
    }
    await stall.look(buyer, '05-buyer-captions');
    await stall.look(merchant, '06-merchant-captions');
  });

  stall.step('the buyer speaks, the merchant reads and hears it in Chinese', async () => {
    await interpreted(stall, stall.buyer, ['d02', 'd16']);
    await stall.look(stall.merchant, '07-merchant-captions');
  });

  stall.step('what it costs: uplink, main thread, added latency', async () => {
    const { buyer, merchant, wires } = stall;
    const from = buyer.messages.length;
    const quiet = wires.buyer.up;
    await sleep(5000);
    const silent = (wires.buyer.up - quiet) / 5;
    const loud = wires.buyer.up;
    const heard = merchant.messages.length;
    await buyer.speak('d06', 1);
    // From here on nobody touches the pages but those who talk: what the harness does in them (opening the microphone, recording, asking) is not counted.
    const traces = await Promise.all([buyer.traceTasks(), merchant.traceTasks()]);
    const lasts = seconds('d06');
    await sleep(lasts * 1000 + 500);
    const speaking = (wires.buyer.up - loud) / lasts;
    report('uplink while speaking (must: about 3 KiB/s)', `${(speaking / 1024).toFixed(2)} KiB/s`);
    report('uplink in silence (must: near zero)', `${(silent / 1024).toFixed(2)} KiB/s`);
    assert.ok(speaking > 500, `${speaking} bytes/s: nothing was sent while speaking`);
    assert.ok(speaking < 6 * 1024, `${speaking} bytes/s while speaking`);
    assert.ok(silent < 300, `${silent} bytes/s in silence`);
    await merchant.told(1, heard);
    const tasks = (await Promise.all(traces.map((stop) => stop()))).flat();
    await buyer.spoken('source', 1, from);
    await merchant.silent(heard);

    assert.ok(tasks.length > 100, `${tasks.length} tasks: the trace is empty`);
    const long = tasks.filter(({ took }) => took > 50).map(({ took }) => Math.round(took));
    const [longest] = tasks.sort((a, b) => b.took - a.took);
    const waited = Math.max(...tasks.map(({ lasted }) => lasted));
    report('main-thread tasks over 50 ms while talking (must: none)', `${long.length === 0 ? 'none' : `${long.length}: ${long.slice(0, 8).join(', ')} ms`}; the longest computes ${longest.took.toFixed(1)} ms (${longest.parts.join(', ')}); waiting for a core, one lasts ${waited.toFixed(1)} ms`);
    const capture = /** @type {number[]} */ ([]);
    const playback = /** @type {number[]} */ ([]);
    for (const phone of [merchant, buyer]) {
      const stats = await phone.page.evaluate(() => {
        const { capture, playback } = /** @type {any} */ (window).tongchuan;
        return { capture: capture.stats.captureEncodeMs.percentile(50), playback: playback.stats.addedLatencyMs.percentile(50), underruns: playback.stats.underruns };
      });
      capture.push(stats.capture);
      playback.push(stats.playback);
      report(`${phone.name}: capture and encode, arrival to first sample (p50)`, `${Math.round(stats.capture)} ms, ${Math.round(stats.playback)} ms`);
      report(`${phone.name}: underruns of the jitter buffer`, String(stats.underruns));
    }
    report('added by the client, p50 (must: under 150 ms)', `${Math.round(percentile(capture, 100) + percentile(playback, 100))} ms at most`);
  });

  stall.step('a tapped caption is heard again', async () => {
    const { buyer } = stall;
    const recording = await buyer.record();
    await buyer.get('again').first().click();
    await buyer.page.waitForFunction(() => /** @type {any} */ (window).tongchuan.state.audio === 'playing');
    await buyer.silent(0);
    const { samples } = await recording.stop();
    assert.ok(peakDb(samples) > -35, `${peakDb(samples).toFixed(0)} dBFS`);
  });
}
