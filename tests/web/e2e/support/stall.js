/**
 * @file The world of the tests: one server with real weights, a merchant's and a buyer's phone, a wire to each, and how to look at both.
 *
 * Scenarios call it in order; what one leaves behind (a room with two people in it) the next goes on with. A step that fails leaves
 * pictures of both screens in target/web-screenshots.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { load } from './audio.js';
import { Phone } from './phone.js';
import { Wire } from './proxy.js';
import { report } from './report.js';
import { Server, transcribe } from './server.js';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Recordings that the scenarios use. */
const RECORDINGS = ['d01', 'd02', 'd03', 'd06', 'd14', 'd16', 'd17', 'd19', 'd28', 'd39'];

export class Stall {
  server = new Server();
  /** @type {Record<'merchant' | 'buyer', Wire>} */
  wires = /** @type {any} */ ({});
  /** @type {Phone} */
  merchant = /** @type {any} */ (null);
  /** @type {Phone} */
  buyer = /** @type {any} */ (null);
  /** The link that the merchant's screen showed, and the way the buyer's phone takes. */
  link = '';
  /** Set by the first step without which nothing else can work. */
  paired = false;

  async open() {
    const since = Date.now();
    // First: without it no browser may be left open, or the run never ends.
    await this.server.start();
    const [merchant, buyer] = await Promise.all([
      Phone.launch({ name: 'merchant', locale: 'zh-CN' }),
      Phone.launch({ name: 'buyer', locale: 'en-US' }),
    ]);
    Object.assign(this, { merchant, buyer });
    this.wires.merchant = await new Wire(() => this.server.port).open();
    this.wires.buyer = await new Wire(() => this.server.port).open();
    await load(merchant.page, RECORDINGS);
    report('server and browsers started', `${((Date.now() - since) / 1000).toFixed(1)} s`);
  }

  async close() {
    await Promise.all([this.merchant?.close(), this.buyer?.close()]);
    for (const wire of Object.values(this.wires)) wire.close();
    await this.server.dispose();
  }

  /** The other one. @param {Phone} phone */
  partner(phone) {
    return phone === this.merchant ? this.buyer : this.merchant;
  }

  /** @param {Phone} phone */
  wire(phone) {
    return phone === this.merchant ? this.wires.merchant : this.wires.buyer;
  }

  /**
   * Registers a test that needs the two of them in their room.
   * @param {string} name
   * @param {() => Promise<void>} run
   * @param {{pairs?: boolean, timeout?: number}} [options] `pairs`: this one brings them together
   */
  step(name, run, { pairs = false, timeout = 300_000 } = {}) {
    it(name, { timeout }, async () => {
      assert.ok(pairs || this.paired, 'the phones could not be paired: see the first failure');
      const since = Date.now();
      try {
        await run();
        for (const phone of [this.merchant, this.buyer]) {
          assert.deepEqual(phone.complaints.splice(0), [], `${phone.name}'s page complains`);
        }
      } catch (error) {
        for (const phone of [this.merchant, this.buyer]) {
          phone.complaints.length = 0;
          await phone.screenshot(`failed-${name.replaceAll(/\W+/g, '-').slice(0, 40)}-${phone.name}`).catch(() => {});
        }
        throw error;
      } finally {
        if (process.env.TONGCHUAN_E2E_VERBOSE) console.log(`# ${name}: ${((Date.now() - since) / 1000).toFixed(1)} s`);
      }
    });
  }

  /**
   * Lets `speaker` say recordings and waits until both were shown them and the other one's interpretation was played out.
   * @param {Phone} speaker
   * @param {string[]} ids one after the other, each an utterance of its own
   */
  async talk(speaker, ids) {
    const listener = this.partner(speaker);
    const [from, until] = [speaker.messages.length, listener.messages.length];
    const recording = await listener.record();
    // A pause as between two sentences: longer than any endpointing.
    await speaker.speak(...ids.flatMap((id) => [0.5, id, 1.2]), 1);
    const sources = await speaker.spoken('source', ids.length, from);
    const heard = await listener.spoken('source', ids.length, until);
    const targets = await listener.spoken('translation', ids.length, until);
    const own = await speaker.spoken('translation', ids.length, from);
    await listener.silent(until);
    const { samples, element } = await recording.stop();
    assert.deepEqual(heard, sources, 'both are shown the same words');
    assert.deepEqual(own, targets, 'both are shown the same translation');
    return { sources, targets, samples, element };
  }

  /**
   * A look at the state that a phone is in: a picture, no serious accessibility violation, nothing wider than the screen, no target
   * too small for a finger.
   * @param {Phone} phone
   * @param {string} name
   */
  async look(phone, name) {
    const { page } = phone;
    // A sheet that is still fading in has the contrast of neither page.
    await page.evaluate(() => Promise.all(document.getAnimations().filter((a) => a.effect?.getTiming().iterations !== Infinity).map((a) => a.finished.catch(() => {}))));
    await phone.screenshot(name);
    await page.evaluate(AXE);
    const { violations } = await page.evaluate(() => /** @type {any} */ (window).axe.run());
    const serious = violations.filter((/** @type {any} */ v) => v.impact === 'serious' || v.impact === 'critical');
    const said = serious.map((/** @type {any} */ v) => `${v.id}: ${v.help}: ${v.nodes.map((/** @type {any} */ n) => `${n.html} ${n.failureSummary}`).join('\n')}`);
    assert.deepEqual(said, [], `${name}: accessibility`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(wide, 0, `${name}: the page scrolls sideways`);
    const sticking = await page.evaluate(() => [...document.querySelectorAll('header, main, section, footer, .card')].filter((e) => e.checkVisibility() && getComputedStyle(e).overflowX === 'visible' && e.scrollWidth > e.clientWidth + 1).map((e) => e.outerHTML.slice(0, 120)));
    assert.deepEqual(sticking, [], `${name}: something sticks out at the side`);
    const small = await page.evaluate(() => [...document.querySelectorAll('button, select, input, summary, a[href]')].filter((e) => {
      const { width, height } = (e.closest('label') ?? e).getBoundingClientRect();
      return e.checkVisibility() && width > 0 && (width < 44 || height < 44);
    }).map((e) => e.outerHTML.slice(0, 120)));
    assert.deepEqual(small, [], `${name}: targets under 44 px`);
  }
}

/**
 * What the product's recogniser hears in what a phone played.
 * @param {Phone} phone
 * @param {string} lang
 * @param {Int16Array} samples
 * @param {(path: string, samples: Int16Array) => void} write
 */
export async function recognise(phone, lang, samples, write) {
  const path = phone.file(`heard-${lang}.wav`);
  write(path, samples);
  return transcribe(lang, path);
}

/**
 * Waits until `check` gives something true.
 * @template T
 * @param {string} what
 * @param {() => T | Promise<T>} check
 * @param {number} [ms]
 * @returns {Promise<NonNullable<T>>}
 */
export async function eventually(what, check, ms = 20_000) {
  const deadline = Date.now() + ms;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`waited ${ms / 1000} s in vain: ${what}`);
    await sleep(50);
  }
}
