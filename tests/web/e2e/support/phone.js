/**
 * @file One person's phone: a browser process with its own profile and its own fake microphone.
 *
 * The fake capture file is per browser process, so each phone is a process. `speak` rewrites the file and opens the microphone again,
 * which plays it from its beginning. Knows the page only through its data-testid hooks and `window.tongchuan`.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import jsQR from 'jsqr';
import { chromium } from 'playwright-core';
import { PNG } from 'pngjs';
import { decode, writeScript, writeWav } from './audio.js';
import { CHROMIUM } from './pages.js';
import { ROOT } from './server.js';

const SCREENSHOTS = join(ROOT, 'target/web-screenshots');
mkdirSync(SCREENSHOTS, { recursive: true });

/** Longest wait for an interpretation to be complete: two cores, maybe busy with other things. */
const INTERPRETED_MS = 120_000;

/** How far packets run ahead of the ear: LEAD in src/pipeline/player.rs. */
const LEAD_MS = 400;

/** @typedef {import('playwright-core').Page} Page */
/** @typedef {{utterance: number, lang: string, text: string}} Said what was committed of an utterance in one language */
/**
 * @typedef {object} PhoneOptions
 * @property {string} name
 * @property {string} locale of the browser, such as `zh-CN`
 * @property {boolean} [microphone] false: the person denies it
 * @property {{width: number, height: number}} [viewport]
 * @property {'light'|'dark'} [colorScheme]
 */

export class Phone {
  #profile = mkdtempSync(join(tmpdir(), 'tongchuan-phone-'));
  /** What the page complained about; empty at the end of a good test. @type {string[]} */
  complaints = [];
  /** What the server said to this phone, over all its connections. @type {any[]} */
  messages = [];
  /** What this phone said to the server. @type {any[]} */
  sent = [];
  /** Audio frames that came. */
  frames = 0;
  /** @type {import('playwright-core').BrowserContext} */
  context = /** @type {any} */ (null);
  /** @type {Page} */
  page = /** @type {any} */ (null);

  /** @param {PhoneOptions} options */
  constructor(options) {
    this.name = options.name;
    this.options = options;
    this.microphone = join(this.#profile, 'microphone.wav');
  }

  /** @param {PhoneOptions} options */
  static async launch(options) {
    if (!CHROMIUM) throw new Error('chromium is missing: run .ci/deps, or set TONGCHUAN_CHROMIUM to the program');
    const phone = new Phone(options);
    writeWav(phone.microphone, new Int16Array(48_000));
    const { locale, viewport = { width: 360, height: 740 }, colorScheme = 'light', microphone = true } = options;
    phone.context = await chromium.launchPersistentContext(join(phone.#profile, 'profile'), {
      executablePath: CHROMIUM,
      headless: true,
      locale,
      viewport,
      colorScheme,
      deviceScaleFactor: 2,
      isMobile: true,
      hasTouch: true,
      acceptDownloads: true,
      permissions: microphone ? ['microphone'] : [],
      args: [
        '--use-fake-device-for-media-stream',
        `--use-file-for-fake-audio-capture=${phone.microphone}%noloop`,
        // Without it, permission prompts of a headless browser stay open for ever; a denial is what the denied-microphone test wants.
        microphone ? '--use-fake-ui-for-media-stream' : '--deny-permission-prompts',
        // Two windows on one screen: neither is in the background.
        '--disable-backgrounding-occluded-windows',
        '--disable-renderer-backgrounding',
        '--disable-background-timer-throttling',
        '--lang=' + locale,
      ],
    });
    phone.page = phone.context.pages()[0] ?? (await phone.context.newPage());
    phone.#listen();
    return phone;
  }

  #listen() {
    // The text messages of every WebSocket the page ever has, as they were on the wire.
    this.page.on('websocket', (socket) => {
      socket.on('framereceived', ({ payload }) => {
        if (typeof payload === 'string') this.messages.push(JSON.parse(payload));
        else this.frames += 1;
      });
      socket.on('framesent', ({ payload }) => typeof payload === 'string' && this.sent.push(JSON.parse(payload)));
    });
    this.page.on('pageerror', (error) => this.complaints.push(`exception: ${error.stack ?? error.message}`));
    this.page.on('console', (message) => {
      if (message.type() === 'error') this.complaints.push(`console: ${message.text()} ${message.location().url}`);
    });
  }

  /** @param {string} id a data-testid */
  get(id) {
    return this.page.getByTestId(id);
  }

  /** The one tap; waits until the page can talk, and says how long that took from `since`. @param {number} [since] */
  async start(since = Date.now()) {
    await this.get('start').click();
    await this.talking();
    return Date.now() - since;
  }

  /** Waits until the connection is open and the microphone is on. */
  async talking() {
    await this.page.waitForFunction(() => {
      const { phase, link, mic } = /** @type {any} */ (window).tongchuan?.state ?? {};
      return phase === 'room' && link === 'open' && mic.state === 'on';
    }, undefined, { timeout: 20_000 });
  }

  /**
   * Waits until the page goes on after a reload. Browsers may let neither microphone nor sound run before a tap: then the page must say
   * what to tap, and that is tapped.
   */
  async returned() {
    await this.page.waitForFunction(() => /** @type {any} */ (window).tongchuan?.state.link === 'open', undefined, { timeout: 20_000 });
    // Both report their state a moment after the page is there: what stays so for a second is so.
    const deadline = Date.now() + 15_000;
    for (let good = 0; good < 10; ) {
      const { mic, audio } = await this.page.evaluate(() => /** @type {any} */ (window).tongchuan.state);
      const works = mic.state === 'on' && (audio === 'idle' || audio === 'playing');
      good = works ? good + 1 : 0;
      const banner = this.page.locator('[data-banner="mic-interrupted"] button, [data-banner="audio"] button').first();
      if (!works && (await banner.isVisible())) await banner.click();
      if (Date.now() > deadline) throw new Error(`${this.name}: microphone ${mic.state}, sound ${audio}`);
      await sleep(100);
    }
    await this.talking();
  }

  /** Loads the page again, on a microphone that is silent: it would say its last script once more. @param {string} [url] another page */
  async reload(url) {
    writeWav(this.microphone, new Int16Array(48_000));
    await (url ? this.page.goto(url) : this.page.reload({ waitUntil: 'commit' }));
  }

  /**
   * Speaks recordings (by id) and pauses (in seconds), from now on; does not wait until they are said.
   * @param {(string | number)[]} parts
   */
  async speak(...parts) {
    writeScript(this.microphone, parts);
    await this.page.evaluate(async () => {
      const { capture } = /** @type {any} */ (window).tongchuan;
      capture.stop();
      await capture.start({ forceWasm: new URLSearchParams(location.search).get('codec') === 'wasm' });
    });
  }

  /** Waits until the page has heard its person speak, and then nothing for a second. */
  async hasSpoken() {
    await this.page.waitForFunction(() => {
      const test = /** @type {any} */ (window);
      const { speaking } = test.tongchuan.state;
      if (speaking) test.spokeAt = performance.now();
      const over = !speaking && test.spokeAt !== undefined && performance.now() - test.spokeAt >= 1000;
      if (over) delete test.spokeAt;
      return over;
    }, undefined, { timeout: 30_000, polling: 50 });
  }

  /**
   * The captions on the page, oldest first.
   * @param {'source' | 'translation'} kind
   * @returns {Promise<{utterance: string, text: string}[]>}
   */
  async captions(kind) {
    const lines = this.get(`caption-${kind}`);
    return lines.evaluateAll((all) => all.map((e) => ({ utterance: /** @type {HTMLElement} */ (e).dataset.utterance ?? '', text: e.textContent?.trim() ?? '' })));
  }

  /**
   * What the server's captions said since message `from`, utterance by utterance, once `count` of them are complete and on the page.
   * However many pieces an utterance came in, what was committed of it is one text.
   * @param {'source' | 'translation'} kind
   * @param {number} count
   * @param {number} from
   * @param {number} [ms]
   * @returns {Promise<Said[]>}
   */
  async spoken(kind, count, from, ms = INTERPRETED_MS) {
    const deadline = Date.now() + ms;
    for (;;) {
      const said = complete(this.messages.slice(from), kind);
      if (said.length >= count) {
        const shown = await this.captions(kind);
        const missing = said.filter((s) => !shown.some((c) => c.utterance === String(s.utterance) && c.text === s.text));
        if (missing.length === 0) return said;
      }
      if (Date.now() > deadline) {
        const errors = this.messages.slice(from).filter((m) => m.type === 'error');
        throw new Error(`${this.name}: ${said.length} of ${count} ${kind} captions: ${JSON.stringify({ said, shown: await this.captions(kind), errors })}`);
      }
      await sleep(100);
    }
  }

  /**
   * Waits until everything that others said since message `from` was translated and spoken to its end here, and the loudspeaker is quiet.
   * @param {number} from
   */
  async silent(from) {
    const deadline = Date.now() + INTERPRETED_MS;
    for (;;) {
      const me = this.messages.filter((m) => m.type === 'welcome').at(-1)?.participant;
      const waiting = unheard(this.messages.slice(from), me);
      const audio = await this.page.evaluate(() => /** @type {any} */ (window).tongchuan.state.audio);
      if (waiting.length === 0 && audio === 'idle') return;
      if (Date.now() > deadline) throw new Error(`${this.name}: the loudspeaker is ${audio}, and waits for the speech of ${JSON.stringify(waiting)}`);
      await sleep(100);
    }
  }

  /**
   * The same as {@link spoken} and {@link silent} for `count` sentences of others, without a look at the page: what it does meanwhile, it does by itself.
   * @param {number} count
   * @param {number} from
   */
  async told(count, from) {
    const deadline = Date.now() + INTERPRETED_MS;
    const me = this.messages.filter((m) => m.type === 'welcome').at(-1)?.participant;
    const over = () => complete(this.messages.slice(from), 'translation').length >= count && unheard(this.messages.slice(from), me).length === 0;
    while (!over()) {
      if (Date.now() > deadline) throw new Error(`${this.name}: ${count} sentences were not interpreted`);
      await sleep(100);
    }
    // The end of the speech is sent this much before it is heard.
    await sleep(LEAD_MS + 600);
  }

  /** The text of the QR code as a camera would read it. */
  async readQr() {
    const picture = PNG.sync.read(await this.page.screenshot({ scale: 'css' }));
    const code = jsQR(new Uint8ClampedArray(picture.data), picture.width, picture.height);
    if (!code) throw new Error('no QR code can be read on the screen');
    return code.data;
  }

  /** @param {string} name of the file under target/web-screenshots */
  async screenshot(name) {
    const path = join(SCREENSHOTS, `${name}.png`);
    await this.page.screenshot({ path });
    return path;
  }

  /** Records what the page's audio element plays until `stop` is called. */
  async record() {
    await this.page.evaluate(() => {
      const { playback } = /** @type {any} */ (window).tongchuan;
      const element = playback.element;
      const recorder = new MediaRecorder(element.captureStream(), { mimeType: 'audio/webm;codecs=opus', audioBitsPerSecond: 96_000 });
      /** @type {Blob[]} */
      const parts = [];
      recorder.ondataavailable = (event) => parts.push(event.data);
      recorder.start();
      /** @type {any} */ (window).testRecording = () => new Promise((done) => {
        recorder.onstop = async () => {
          const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
          let text = '';
          for (let at = 0; at < bytes.length; at += 32_768) text += String.fromCharCode(...bytes.subarray(at, at + 32_768));
          done({ base64: btoa(text), muted: element.muted, paused: element.paused, volume: element.volume });
        };
        recorder.stop();
      });
    });
    return {
      stop: async () => {
        const { base64, ...element } = await this.page.evaluate(() => /** @type {any} */ (window).testRecording());
        return { samples: await decode(this.page, Buffer.from(base64, 'base64')), element };
      },
    };
  }

  /** A file beside the profile, gone with it. @param {string} name */
  file(name) {
    return join(this.#profile, name);
  }

  /**
   * Main-thread tasks from now until the answer is called: how long each lasted and what it took of the processor, in
   * milliseconds. On a machine that computes two browsers and the models at once, much of a long task is waiting for a core.
   * @returns {Promise<() => Promise<{lasted: number, took: number, parts: string[]}[]>>} `parts` says what of it took how many of them
   */
  async traceTasks() {
    const session = await this.context.newCDPSession(this.page);
    /** @type {any[]} */
    const events = [];
    session.on('Tracing.dataCollected', ({ value }) => events.push(...value));
    await session.send('Tracing.start', { transferMode: 'ReportEvents', traceConfig: { includedCategories: ['toplevel', 'devtools.timeline', 'disabled-by-default-devtools.timeline'] } });
    return async () => {
      const complete = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve));
      await session.send('Tracing.end');
      await complete;
      await session.detach();
      const main = events.find((e) => e.name === 'thread_name' && e.args.name === 'CrRendererMain');
      const onMain = events.filter((e) => e.pid === main?.pid && e.tid === main?.tid && e.tdur !== undefined);
      const tasks = onMain.filter((e) => e.name === 'RunTask');
      const heavy = onMain.filter((e) => e.tdur > 5000);
      const parts = (/** @type {any} */ task) => heavy
        .filter((e) => e !== task && e.ts >= task.ts && e.ts + e.dur <= task.ts + task.dur)
        .sort((a, b) => b.tdur - a.tdur).slice(0, 5)
        .map((e) => `${e.name}${e.args.data?.url ? ` ${e.args.data.url.split('/').pop()}:${e.args.data.functionName ?? ''}` : ''} ${Math.round(e.tdur / 1000)}`);
      return tasks.map((e) => ({ lasted: e.dur / 1000, took: e.tdur / 1000, parts: parts(e) }));
    };
  }

  async close() {
    await this.context.close();
    rmSync(this.#profile, { recursive: true, force: true });
  }
}

/**
 * The utterances whose captions of a kind are complete: what was committed of each, piece by piece, as one text. Those without a word count as unsaid.
 * @param {any[]} messages
 * @param {'source' | 'translation'} kind
 * @returns {Said[]}
 */
export function complete(messages, kind) {
  const captions = messages.filter((m) => m.type === 'caption' && m.kind === kind);
  const ended = [...new Set(captions.filter((m) => m.last).map((m) => m.utterance))];
  return ended.map((utterance) => {
    const parts = captions.filter((m) => m.utterance === utterance);
    return { utterance, lang: parts[0].lang, text: parts.map((m) => m.committed).join('').trim() };
  }).filter(({ text }) => text !== '');
}

/**
 * The utterances of others that are being translated or spoken, or are still to be spoken. Clauses are spoken while later ones are still being
 * said, so neither the end of a text nor the end of a sound alone is the end.
 * @param {any[]} messages
 * @param {number} me
 * @returns {number[]}
 */
export function unheard(messages, me) {
  const failed = new Set(messages.filter((m) => m.type === 'error').map((m) => m.utterance));
  // A message that a lost connection swallowed is on the wire twice: a stream counts once.
  const count = (/** @type {string} */ type, /** @type {number} */ utterance) => new Set(messages.filter((m) => m.type === type && m.utterance === utterance).map((m) => m.stream)).size;
  const translations = messages.filter((m) => m.type === 'caption' && m.kind === 'translation' && m.speaker !== me);
  const begun = [...new Set([...translations, ...messages.filter((m) => m.type === 'speech_start')].map((m) => m.utterance))];
  return begun.filter((utterance) => {
    const [starts, ends] = [count('speech_start', utterance), count('speech_end', utterance)];
    if (starts > ends) return true;
    if (failed.has(utterance)) return false;
    const own = translations.filter((m) => m.utterance === utterance);
    const words = own.map((m) => m.committed).join('').trim();
    return own.length > 0 && (!own.some((m) => m.last) || (words !== '' && starts === 0));
  });
}
