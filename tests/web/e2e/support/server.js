/**
 * @file The real server as a child process: real weights, a free port, a state folder of its own.
 *
 * Knows how to start it, wait until its models are warm, restart it on the same port and read its log. Nothing of browsers.
 */
import { execFile, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const ROOT = resolve(fileURLToPath(new URL('../../../..', import.meta.url)));
export const BINARY = process.env.TONGCHUAN_BIN ?? join(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), 'debug/tongchuan');

/** Loading and warming all models takes seconds; on a loaded two-core machine a minute is still no mistake. */
const READY_WITHIN_MS = 180_000;

/** These tests are of the page: on a machine that does other things, too, a sentence may be late, not given up. */
const CONFIG = '[deadlines]\nasr_ms = 120000\nmt_ms = 120000\ntts_ms = 120000\n';

export class Server {
  /** @type {import('node:child_process').ChildProcess | null} */
  #child = null;
  #state = mkdtempSync(join(tmpdir(), 'tongchuan-e2e-'));
  /** Everything the server wrote, to look for what must not be there. */
  log = '';
  port = 0;
  /** @type {string[]} */
  #args;

  /** @param {string[]} [args] more arguments of `serve` */
  constructor(args = []) {
    this.#args = args;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts it, again on the same port after the first time, and waits until it is ready. */
  async start() {
    if (!existsSync(BINARY)) throw new Error(`${BINARY} is missing: run \`cargo build\` first, or set TONGCHUAN_BIN`);
    const config = join(this.#state, 'config.toml');
    writeFileSync(config, CONFIG);
    // Phones are machines of their own: the models must not take the time of what stands for them here.
    const child = spawn('nice', ['-n', '10', BINARY, 'serve', '--config', config, '--listen', `127.0.0.1:${this.port}`, ...this.#args], {
      env: { ...process.env, XDG_STATE_HOME: this.#state, RUST_LOG: 'info,tongchuan=debug' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    const from = this.log.length;
    child.stdout?.setEncoding('utf8').on('data', (text) => (this.log += text));
    child.stderr?.setEncoding('utf8').on('data', (text) => (this.log += text));
    const deadline = Date.now() + READY_WITHIN_MS;
    for (;;) {
      if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}:\n${this.log.slice(-2000)}`);
      const port = /tongchuan is ready[^]*?https?:\/\/127\.0\.0\.1:(\d+)/.exec(this.log.slice(from));
      if (port) {
        this.port = Number(port[1]);
        if ((await fetch(`${this.url}/readyz`).catch(() => null))?.ok) return this;
      }
      if (Date.now() > deadline) throw new Error(`the server is not ready:\n${this.log.slice(-2000)}`);
      await sleep(100);
    }
  }

  /** Ends it as an operator does. `kill` ends it as a power cut does. @param {{kill?: boolean}} [how] */
  async stop({ kill = false } = {}) {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null) return;
    const ended = new Promise((done) => child.once('exit', done));
    child.kill(kill ? 'SIGKILL' : 'SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), 20_000);
    await ended;
    clearTimeout(late);
  }

  /**
   * A buyer's token for `room` as this server signed it earlier, good until `expires` (seconds since 1970): see src/router/token.rs.
   * @param {string} room
   * @param {number} expires
   */
  token(room, expires) {
    const key = readFileSync(join(this.#state, 'tongchuan', 'token.key'));
    const grant = Buffer.alloc(6);
    grant[0] = 1; // a buyer, to join
    grant.writeUIntBE(expires, 1, 5);
    const tag = createHmac('sha256', key).update('tongchuan join token, version 1\0').update(room).update(grant).digest();
    return Buffer.concat([grant, tag.subarray(0, 18)]).toString('base64url');
  }

  /** Stops it and forgets what it kept. */
  async dispose() {
    await this.stop();
    rmSync(this.#state, { recursive: true, force: true });
  }
}

/**
 * What the product's own recogniser hears in a recording.
 * @param {string} lang
 * @param {string} wav
 */
export async function transcribe(lang, wav) {
  const { stdout } = await promisify(execFile)(BINARY, ['transcribe', '--lang', lang, '--json', wav], { timeout: 120_000 });
  return stdout.trim().split('\n').filter(Boolean).map((line) => /** @type {string} */ (JSON.parse(line).source)).join(' ');
}
