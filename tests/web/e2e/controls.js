/**
 * @file Scenario 3: everything a person can do besides talking: mute, hold to talk, type, change language, show large, read only, save.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { line, peakDb } from './support/audio.js';
import { errorRate } from './support/score.js';
import { eventually } from './support/stall.js';

/** Time in which an utterance would have begun to be recognised if it had been sent. */
const WOULD_BE_HEARD_MS = 1500;

/** @param {import('./support/stall.js').Stall} stall */
async function holdToTalk({ buyer, merchant }) {
  // The first touch switches to hold-to-talk.
  const button = await buyer.get('hold').boundingBox() ?? assert.fail('no button');
  const { mouse } = buyer.page;
  await mouse.move(button.x + button.width / 2, button.y + button.height / 2);
  await mouse.down();
  await sleep(100);
  await mouse.up();
  // The last sound before the finger was lifted is waited for; only then the button is up.
  await eventually('the button is up', () => buyer.sent.at(-1)?.held === false);
  const from = [buyer.messages.length, merchant.messages.length];
  await buyer.speak('d14', 1);
  await sleep(3000 + WOULD_BE_HEARD_MS);
  assert.deepEqual(buyer.messages.slice(from[0]).filter((m) => m.type === 'caption'), [], 'nothing is heard before the button is held');
  // Long enough to press before the words begin, on a busy machine too.
  await buyer.speak(5, 'd02', 5);
  // While the microphone was opened again the button could not be pressed.
  await eventually('the button can be pressed', () => buyer.get('hold').isEnabled());
  await mouse.down();
  await eventually('the button says that it is held', async () => (await buyer.get('hold').getAttribute('aria-pressed')) === 'true');
  await buyer.screenshot('11-holding');
  await buyer.hasSpoken();
  await mouse.up();
  const [said] = await buyer.spoken('source', 1, from[0]);
  const wrong = errorRate('en', line('d02').text, said.text);
  assert.ok(wrong <= 0.35, `${said.text}: ${wrong}`);
  await merchant.spoken('translation', 1, from[1]);
  await merchant.silent(from[1]);
  assert.deepEqual(buyer.sent.filter((m) => m.type === 'floor').map((m) => m.held), [true, false, true, false]);
}

/** @param {import('./support/stall.js').Stall} stall */
export function controls(stall) {
  stall.step('muted, nothing is sent', async () => {
    const { buyer, wires } = stall;
    await buyer.get('mute').click();
    await stall.look(buyer, '10-muted');
    const [from, bytes] = [buyer.messages.length, wires.buyer.up];
    await buyer.speak('d02');
    await sleep(4000);
    assert.ok(wires.buyer.up - bytes < 1500, `${wires.buyer.up - bytes} bytes were sent while muted`);
    assert.deepEqual(buyer.messages.slice(from).filter((m) => m.type === 'caption'), []);
    // Whatever the recording's last sound is: it is over when the microphone is heard again.
    await buyer.speak(1);
    await buyer.get('mute').click();
  });

  stall.step('hold to talk: only what is said while the button is held is interpreted', async () => {
    const { buyer } = stall;
    try {
      await holdToTalk(stall);
    } finally {
      // The scenarios behind this one need an open microphone, whatever became of it.
      await buyer.page.mouse.up();
      if (await buyer.page.evaluate(() => /** @type {any} */ (window).tongchuan.state.hold)) await buyer.get('mute').click();
    }
    await eventually('an open microphone again', () => buyer.sent.at(-1)?.held === null);
  });

  stall.step('a typed message is translated and spoken', async () => {
    const { buyer, merchant } = stall;
    const typed = 'I will pay by bank transfer <b>tomorrow</b>.';
    const from = [buyer.messages.length, merchant.messages.length];
    const recording = await merchant.record();
    await buyer.get('type').click();
    await buyer.get('type-input').fill(typed);
    await stall.look(buyer, '12-typing');
    await buyer.get('type-send').click();
    const [said] = await buyer.spoken('source', 1, from[0]);
    assert.equal(said.text, typed);
    assert.equal(await buyer.page.locator('b').count(), 0, 'captions are text, never HTML');
    const [translated] = await merchant.spoken('translation', 1, from[1]);
    assert.match(translated.text, /\p{Script=Han}/u);
    await merchant.silent(from[1]);
    const { samples } = await recording.stop();
    assert.ok(peakDb(samples) > -35, `spoken at ${peakDb(samples).toFixed(0)} dBFS`);
    await buyer.get('type-close').click();
  });

  stall.step('another language from the menu applies to the next sentence', async () => {
    const { buyer, merchant } = stall;
    await buyer.get('menu').click();
    await stall.look(buyer, '13-menu');
    await buyer.get('menu-sheet').getByTestId('hear-language').selectOption('es');
    await buyer.get('menu-close').click();
    const { targets } = await stall.talk(merchant, ['d19']);
    assert.deepEqual(targets.map(({ lang }) => lang), ['es']);
    await buyer.get('menu').click();
    await buyer.get('menu-sheet').getByTestId('hear-language').selectOption('en');
    await buyer.get('menu-sheet').getByTestId('voice').selectOption('male');
    await buyer.get('menu-close').click();
    const changed = merchant.messages.filter((m) => m.type === 'joined').at(-1);
    assert.equal(changed.hear, 'en', 'the other side learns it');
    assert.deepEqual(buyer.sent.at(-1), { type: 'language', voice: 'male' });
  });

  stall.step('a caption fills the screen for the other person', async () => {
    const { merchant } = stall;
    await merchant.get('fullscreen').first().click();
    const words = merchant.get('full-words');
    await words.waitFor();
    const size = await words.evaluate((e) => parseFloat(getComputedStyle(e).fontSize));
    assert.ok(size >= 32, `${size} px`);
    await stall.look(merchant, '14-full-screen');
    await merchant.get('full-close').click();
  });

  stall.step('read only: the loudspeaker is silent, the captions come', async () => {
    const { buyer, merchant } = stall;
    await buyer.get('read-only').click();
    const { targets, samples, element } = await stall.talk(merchant, ['d39']);
    assert.equal(targets.length, 1);
    assert.ok(element.muted || element.volume === 0 || peakDb(samples) < -60, `${JSON.stringify(element)}, ${peakDb(samples).toFixed(0)} dBFS`);
    await buyer.get('read-only').click();
  });

  stall.step('the conversation is saved from the device: text, SRT, JSON', async () => {
    const { buyer } = stall;
    const shown = await buyer.captions('translation');
    await buyer.get('menu').click();
    /** @param {string} id */
    const download = async (id) => {
      const [file] = await Promise.all([buyer.page.waitForEvent('download'), buyer.get(id).click()]);
      return { name: file.suggestedFilename(), content: readFileSync(await file.path(), 'utf8') };
    };
    const [text, srt, json] = [await download('export-text'), await download('export-srt'), await download('export-json')];
    await buyer.get('menu-close').click();
    assert.match(text.name, /^tongchuan-.*\.txt$/);
    assert.match(srt.name, /\.srt$/);
    assert.match(json.name, /\.json$/);
    const lines = JSON.parse(json.content).lines;
    for (const { text: words } of shown) {
      assert.ok(text.content.includes(words), `the text has ${words}`);
      assert.ok(srt.content.includes(words), `the subtitles have ${words}`);
      assert.ok(lines.some((/** @type {any} */ l) => l.translations.some((/** @type {any} */ t) => t.text === words)), `the JSON has ${words}`);
    }
    const blocks = srt.content.trim().split(/\n\n+/);
    assert.equal(blocks.length, lines.length);
    let end = 0;
    for (const [i, block] of blocks.entries()) {
      const [number, times, ...words] = block.split('\n');
      assert.equal(number, String(i + 1));
      const [from, to] = times.split(' --> ').map((stamp) => {
        const [, h, m, s, ms] = /^(\d\d):(\d\d):(\d\d),(\d\d\d)$/.exec(stamp) ?? assert.fail(stamp);
        return ((Number(h) * 60 + Number(m)) * 60 + Number(s)) * 1000 + Number(ms);
      });
      assert.ok(from >= end && to > from, `subtitle ${i + 1} is shown after the one before: ${times}`);
      assert.notEqual(words.join('').trim(), '');
      end = to;
    }
  });
}
