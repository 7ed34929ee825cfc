/**
 * @file Captions as they grow, in a real browser: the page's own view fed piece by piece, as simultaneous interpretation sends them.
 *
 * What is committed is only ever appended to, the tail behind it is grey, replaced and not read aloud. No server, no sound.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { CHROMIUM, servePages } from './support/pages.js';

/** @type {Awaited<ReturnType<typeof servePages>>} */
let pages;
/** @type {import('playwright-core').Browser} */
let browser;

before(async () => {
  pages = await servePages('<!doctype html><html lang="en"><title>captions</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/style.css">');
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
});
after(async () => {
  await browser?.close();
  pages?.close();
});

/**
 * Runs in the page: shows one message after the other to a person who hears English, and notes what is on the page after each.
 * @param {any[]} messages
 */
async function show(messages) {
  const load = (/** @type {string} */ path) => import(path);
  const [{ captionsView }, { fullView }, { Conversation }, { translator }] = await Promise.all(['/view-captions.js', '/view-full.js', '/captions.js', '/i18n.js'].map(load));
  const conversation = new Conversation(0);
  const context = { t: await translator('en'), ui: 'en', settings: { language: 'en', hear: 'en' }, session: { conversation, canReplay: () => false, replay: () => false } };
  const full = fullView(context);
  const view = captionsView(context, full.open);
  const middle = document.createElement('main');
  middle.className = 'middle';
  middle.append(view.element);
  const room = document.createElement('div');
  room.className = 'page room-page';
  room.append(middle, full.element);
  document.body.replaceChildren(room);
  // What happens to words that are on the page.
  const taken = { removed: 0, changed: 0 };
  const watch = (/** @type {MutationRecord[]} */ records) => {
    for (const { target, type, removedNodes } of records) {
      const committed = (target instanceof Element ? target : target.parentElement)?.closest('.committed');
      if (committed && type === 'characterData') taken.changed += 1;
      if (committed || [...removedNodes].some((node) => node instanceof Element && node.querySelector('.committed'))) taken.removed += removedNodes.length;
    }
  };
  const observer = new MutationObserver(watch);
  observer.observe(view.element, { childList: true, characterData: true, subtree: true });
  const style = (/** @type {Element} */ element) => {
    const { color, fontWeight } = getComputedStyle(element);
    return { color, fontWeight };
  };
  const steps = [];
  for (const message of messages) {
    const line = conversation.apply(message, 1, 0);
    view.update(line);
    full.update(line);
    if (message.kind === 'translation' && !full.element.open) full.open(line);
    steps.push([...document.querySelectorAll('.words')].map((words) => {
      const [committed, pending] = /** @type {Element[]} */ ([...words.children]);
      return {
        kind: words.getAttribute('data-testid'), lang: words.getAttribute('lang'), rank: words.className, seen: words.checkVisibility(),
        committed: committed.textContent, pieces: committed.childNodes.length, pending: pending.textContent, silent: pending.getAttribute('aria-hidden'),
        styles: [style(committed), style(pending)],
      };
    }));
  }
  await new Promise((resolve) => setTimeout(resolve));
  watch(observer.takeRecords());
  return { steps, taken, full: full.element.querySelector('.full-words')?.textContent };
}

/** @param {'source' | 'translation'} kind @param {string} committed @param {string} pending @param {boolean} [last] */
function caption(kind, committed, pending, last = false) {
  return { type: 'caption', utterance: 4, speaker: 2, lang: kind === 'source' ? 'zh' : 'en', kind, committed, pending, last };
}

test('committed words grow piece by piece, the tail behind them is grey and changes', async () => {
  const messages = [
    caption('source', '', '这个'),
    caption('source', '这个杯子', '多少'),
    caption('translation', 'This cup', ''),
    caption('source', '三十块，', '您要'),
    caption('translation', ' is thirty yuan,', ' how'),
    caption('source', '您要几个？', '', true),
    caption('translation', ' how many do you want?', ''),
    caption('translation', '', '', true),
  ];
  const page = await browser.newPage({ viewport: { width: 360, height: 740 } });
  /** @type {string[]} */
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => complaints.push(message.text()));
  await page.goto(pages.url);
  const { steps, taken, full } = await page.evaluate(show, messages);
  await page.close();
  assert.deepEqual(complaints, []);
  assert.deepEqual(taken, { removed: 0, changed: 0 }, 'what is committed stays as it is');

  let said = '';
  let meant = '';
  for (const [i, { kind, committed, pending }] of messages.entries()) {
    if (kind === 'source') said += committed;
    else meant += committed;
    const shown = steps[i];
    const source = shown.find((w) => w.kind === 'caption-source') ?? assert.fail('the source is shown');
    assert.deepEqual([source.lang, source.committed], ['zh', said]);
    if (kind === 'source') assert.equal(source.pending, pending);
    const translation = shown.find((w) => w.kind === 'caption-translation');
    assert.equal(translation?.committed ?? '', meant);
    if (kind === 'translation') assert.equal(translation?.pending, pending);
    if (translation) assert.deepEqual([shown[0], translation.rank, source.rank], [translation, 'words main', 'words second'], 'the translation stands first and large');
    for (const words of shown) assert.equal(words.silent, 'true', 'what may change is not read aloud');
  }
  const last = steps[7][0];
  assert.equal(last.pieces, 3, 'each piece is announced once: it is a node of its own');
  const [committed, pending] = steps[4][0].styles;
  assert.notEqual(committed.color, pending.color);
  assert.deepEqual([committed.fontWeight, pending.fontWeight], ['600', '400']);
  assert.equal(full, meant, 'the sentence that fills the screen grows too');
});

test('a long sentence is followed to its newest words', async () => {
  const page = await browser.newPage({ viewport: { width: 320, height: 300 } });
  await page.goto(pages.url);
  const messages = Array.from({ length: 40 }, (_, i) => caption('translation', ` word ${i} of a sentence`, ' and'));
  await page.evaluate(show, messages);
  const bottom = await page.evaluate(() => {
    const words = document.querySelector('.pending') ?? document.body;
    return words.getBoundingClientRect().bottom - innerHeight;
  });
  await page.close();
  assert.ok(bottom <= 0, `the newest words are ${bottom} px under the screen`);
});

test('a long conversation: the newest lines are on the page, the earlier ones where somebody scrolls', async () => {
  const page = await browser.newPage({ viewport: { width: 360, height: 740 } });
  await page.goto(pages.url);
  const messages = Array.from({ length: 300 }, (_, i) => ({ ...caption('translation', `sentence ${i}`, '', true), utterance: i }));
  await page.evaluate(show, messages);
  const seen = () => page.locator('.words').evaluateAll((all) => all.map((e) => Number(e.getAttribute('data-utterance'))));
  const first = await seen();
  assert.equal(first.at(-1), 299);
  assert.ok(first.length <= 100, `${first.length} lines on the page`);
  await page.evaluate(() => document.querySelector('dialog')?.close());
  for (let before = first[0]; before > 0; ) {
    // The line that is read stays where it is while others come above it.
    const top = await page.evaluate(() => {
      const scroll = /** @type {Element} */ (document.querySelector('.scroll'));
      scroll.scrollTop = 100;
      const words = /** @type {Element} */ (document.elementFromPoint(180, 300)?.closest('.line')?.querySelector('.words'));
      return { utterance: words.getAttribute('data-utterance'), at: words.getBoundingClientRect().top };
    });
    await page.waitForFunction((before) => Number(document.querySelector('.words')?.getAttribute('data-utterance')) < before, before);
    const now = await page.locator(`.words[data-utterance="${top.utterance}"]`).evaluate((e) => e.getBoundingClientRect().top);
    assert.ok(Math.abs(now - top.at) <= 1, `moved by ${now - top.at} px`);
    [before] = await seen();
  }
  assert.deepEqual(await seen(), Array.from({ length: 300 }, (_, i) => i), 'all, in order, once');
  await page.close();
});
