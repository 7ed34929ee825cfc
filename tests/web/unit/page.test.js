/** @file The page as a whole, without a browser: its weight, its shell, the Content-Security-Policy's demands on the source, join links. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { browserKind } from '../../../src/web/browser.js';
import { isLoopback, joinLink, makeRoom, readJoin } from '../../../src/web/invitation.js';
import { modules } from '../../../src/web/qr.js';
import words from '../../../src/web/i18n/en.js';

const WEB = fileURLToPath(new URL('../../../src/web/', import.meta.url));
const read = (/** @type {string} */ file) => readFileSync(join(WEB, file), 'utf8');
const scripts = readdirSync(WEB).filter((f) => f.endsWith('.js'));

/** Modules that the page loads when it opens, from app.js on. */
function loaded() {
  const seen = new Set(['app.js']);
  for (const file of seen) {
    for (const match of read(file).matchAll(/^(?:import|export)\b[^;]*?from '(\.[^']+)'|^import '(\.[^']+)'/gm)) {
      seen.add(relative(WEB, resolve(WEB, dirname(file), match[1] ?? match[2] ?? '')));
    }
  }
  return [...seen].sort();
}

const compressed = (/** @type {string} */ file) => gzipSync(readFileSync(join(WEB, file)), { level: 6 }).length;

test('the page weighs less than 100 KiB', () => {
  // Everything that one person can load: all scripts, the heaviest of the languages (each loads one), the QR code's generator. The WebAssembly
  // codec, its worker and its binding come on top, where the browser has no codec of its own.
  const codec = ['libopus.js', 'codec-worker.js'];
  const languages = readdirSync(join(WEB, 'i18n')).map((f) => `i18n/${f}`);
  const files = [...readdirSync(WEB).filter((f) => /\.(js|css|html|svg|webmanifest)$/.test(f) && !codec.includes(f)), 'vendor/lean-qr.mjs'];
  assert.ok(files.includes('index.html') && files.includes('app.js') && files.includes('playback-worklet.js') && languages.length === 12);
  const weight = files.reduce((sum, file) => sum + compressed(file), 0) + Math.max(...languages.map(compressed));
  console.log(`page: ${(weight / 1024).toFixed(1)} KiB compressed in ${files.length + 1} files`);
  assert.ok(weight < 100 * 1024, `${weight} bytes`);
});

test('the codec is not loaded with the page', () => {
  assert.deepEqual(loaded().filter((file) => file.includes('vendor') || /libopus|codec-worker|worklet/.test(file)), []);
});

test('the service worker keeps exactly what the page opens with', () => {
  const kept = [...(/FILES = \[([^\]]*)\]/.exec(read('sw.js'))?.[1] ?? '').matchAll(/'\/([^']*)'/g)].map((m) => m[1] ?? '').filter((f) => f !== '');
  const languages = readdirSync(join(WEB, 'i18n')).map((f) => `i18n/${f}`);
  assert.deepEqual(kept.filter((f) => f.endsWith('.js')).sort(), [...loaded(), ...languages].sort());
  for (const file of kept) assert.ok(existsSync(join(WEB, file)), file);
  for (const file of ['style.css', 'icon.svg', 'manifest.webmanifest']) assert.ok(kept.includes(file), file);
});

test('index.html asks for every module at once', () => {
  const asked = [...read('index.html').matchAll(/modulepreload" href="\/([^"]+)"/g)].map((m) => m[1] ?? '');
  assert.deepEqual(asked.sort(), loaded().filter((file) => file !== 'app.js'));
});

test('what index.html and the manifest name is there', () => {
  const named = [...read('index.html').matchAll(/(?:href|src)="\/([^"]+)"/g)].map((m) => m[1] ?? '');
  const manifest = JSON.parse(read('manifest.webmanifest'));
  assert.ok(named.length >= 5);
  for (const file of [...named, ...manifest.icons.map((/** @type {{src: string}} */ i) => i.src.slice(1))]) assert.ok(existsSync(join(WEB, file)), file);
  const sizes = manifest.icons.map((/** @type {{sizes: string}} */ i) => i.sizes);
  assert.ok(sizes.includes('192x192') && sizes.includes('512x512'));
});

test('no inline script or style, nothing parsed as HTML, nothing evaluated', () => {
  assert.ok(!/<style|\sstyle=|\son\w+=|<script(?![^>]*\bsrc=)/.test(read('index.html')));
  assert.ok(scripts.length > 20);
  for (const file of scripts) {
    const code = read(file).replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
    assert.ok(!/innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\('style'|\.cssText/.test(code), file);
    assert.ok(!/https?:\/\/(?!www\.w3\.org\/2000\/svg|\$\{)/.test(code), `${file} names another host`);
  }
});

test('each file says at its beginning what it owns', () => {
  for (const file of scripts) assert.match(read(file), /^\/\*\*\s+(\* )?@file /, file);
});

test('join links: the token is in the fragment and comes back as it was', () => {
  const link = joinLink('https://192.168.1.5:8720/', 'K7M2QX', 'abc.DEF-123_~');
  const url = new URL(link);
  assert.equal(url.pathname + url.search, '/');
  assert.deepEqual(readJoin(url.hash), { room: 'K7M2QX', token: 'abc.DEF-123_~', role: 'buyer' });
  assert.deepEqual(readJoin('#r=k7m-2qx'), { room: 'K7M2QX', role: 'buyer' });
  for (const bad of ['', '#', '#r=', '#r=K7M2Q', '#r=K7M2Q1', '#r=K7M2QXX', '#t=abc', '#r=<b>xxx']) assert.equal(readJoin(bad), null, bad);
  assert.equal(readJoin('#r=K7M2QX&t=%3Cscript%3E')?.token, undefined, 'a token is never anything but a token');
});

test('addresses that only this machine reaches', () => {
  for (const base of ['http://127.0.0.1:8720', 'http://localhost:8720', 'http://[::1]:8720']) assert.equal(isLoopback(base), true, base);
  for (const base of ['https://192.168.1.5:8720', 'https://shop.example', 'nonsense']) assert.equal(isLoopback(base), false, base);
});

test('a room is made, or the reason why not is known', async () => {
  const answer = (/** @type {number} */ status, /** @type {unknown} */ body, headers = {}) => /** @type {typeof fetch} */ (async () => new Response(JSON.stringify(body), { status, headers }));
  const made = await makeRoom('https://here', 1000, answer(201, { room: 'K7M2QX', tokens: { merchant: 'm', buyer: 'b' }, expires_in: 600, join_url: 'https://lan' }));
  assert.deepEqual(made, { join: { room: 'K7M2QX', token: 'm', role: 'merchant' }, invitation: { base: 'https://lan', token: 'b', expiresAt: 601_000 } });
  await assert.rejects(makeRoom('x', 0, answer(429, {})), { kind: 'limited', retryAfter: 0 });
  await assert.rejects(makeRoom('x', 0, answer(503, {}, { 'retry-after': '7' })), { kind: 'busy', retryAfter: 7 });
  await assert.rejects(makeRoom('x', 0, /** @type {any} */ (async () => { throw new TypeError('down'); })), { kind: 'unreachable' });
});

test('a QR code is a square with its quiet zone, and differs with its text', async () => {
  const one = await modules('https://192.168.1.5:8720/#r=K7M2QX&t=abc');
  const two = await modules('https://192.168.1.5:8720/#r=K7M2QX&t=abd');
  assert.equal((one.size - 8 - 17) % 4, 0);
  assert.notEqual(one.path, two.path);
  const corners = [...one.path.matchAll(/M(\d+) (\d+)h(\d+)/g)].map((m) => m.slice(1).map(Number));
  assert.ok(corners.every(([x = 0, y = 0, run = 0]) => x >= 4 && y >= 4 && x + run <= one.size - 4 && y < one.size - 4));
});

test('instructions fit the browser', () => {
  const iphone = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1';
  assert.equal(browserKind(iphone, 5), 'ios');
  assert.equal(browserKind(`${iphone} MicroMessenger/8.0.50`, 5), 'inapp');
  assert.equal(browserKind('Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Safari/605.1.15', 5), 'ios');
  assert.equal(browserKind('Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Safari/605.1.15', 0), 'desktop');
  assert.equal(browserKind('Mozilla/5.0 (Linux; Android 15) Chrome/130 Mobile Safari/537.36', 5), 'android');
  assert.equal(browserKind('Mozilla/5.0 (Android 15; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0', 5), 'firefox');
  for (const kind of ['ios', 'android', 'firefox', 'desktop', 'inapp']) assert.ok(`mic_${kind}` in words);
});
