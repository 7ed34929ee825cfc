/** @file The service worker: keeps the page's shell, so that without a network the page opens and says why it cannot connect.
 *
 * The network always comes first and refreshes what is kept, so a new server never meets an old page. Keeps files of the page only, never
 * anything of a conversation; `/v1` and the health checks always go to the network. Registered by install.js.
 */

const SHELL = 'tongchuan-shell-1';

/** Every file the page needs to open (a test compares the list with the folder); sound codecs only matter with a connection. */
const FILES = [
  '/', '/amounts-said.js', '/amounts-words.js', '/amounts.js', '/app.js', '/browser.js', '/captions.js', '/capture.js', '/connection.js', '/dom.js', '/export.js', '/gate.js',
  '/i18n.js', '/i18n/ar.js', '/i18n/de.js', '/i18n/en.js', '/i18n/es.js', '/i18n/fr.js', '/i18n/hi.js', '/i18n/ja.js', '/i18n/ko.js', '/i18n/pt.js', '/i18n/ru.js',
  '/i18n/vi.js', '/i18n/zh.js', '/icon.svg', '/install.js', '/invitation.js', '/languages.js', '/manifest.webmanifest', '/opus.js', '/playback.js', '/protocol.js',
  '/qr.js', '/session.js', '/settings.js', '/state.js', '/stats.js', '/style.css', '/uplink.js', '/view-captions.js', '/view-controls.js',
  '/view-end.js', '/view-full.js', '/view-invite.js', '/view-menu.js', '/view-room.js', '/view-start.js',
];

/** How long the network may take before the kept page opens, milliseconds: a phone in a lift seems connected. */
const PATIENCE = 4000;

const worker = /** @type {any} */ (globalThis);

worker.addEventListener('install', (/** @type {any} */ event) => {
  event.waitUntil(caches.open(SHELL).then((cache) => cache.addAll(FILES)).then(() => worker.skipWaiting()));
});

worker.addEventListener('activate', (/** @type {any} */ event) => {
  const old = caches.keys().then((names) => Promise.all(names.filter((name) => name.startsWith('tongchuan-shell-') && name !== SHELL).map((name) => caches.delete(name))));
  event.waitUntil(old.then(() => worker.clients.claim()));
});

/** Pages that were opened from what is kept: their parts come from there too, so that old and new never mix. @type {Set<string>} */
const offline = new Set();

worker.addEventListener('fetch', (/** @type {any} */ event) => {
  const { request, clientId, resultingClientId } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== 'GET' || origin !== worker.location.origin || pathname.startsWith('/v1') || /^\/(healthz|readyz|metrics)$/.test(pathname)) return;
  event.respondWith(request.mode === 'navigate' ? open(request, resultingClientId) : part(request, pathname, offline.has(clientId)));
});

/** The page itself: from the network, or what is kept when that takes too long. @param {Request} request @param {string} client */
async function open(request, client) {
  const kept = await caches.match('/');
  try {
    const answer = await (kept ? Promise.race([fetch(request), late()]) : fetch(request));
    if (answer.ok) await keep('/', answer);
    return answer;
  } catch (error) {
    if (!kept) throw error;
    offline.add(client);
    return kept;
  }
}

/** @param {Request} request @param {string} path @param {boolean} keptFirst */
async function part(request, path, keptFirst) {
  const kept = await caches.match(path);
  if (kept && keptFirst) return kept;
  try {
    const answer = await fetch(request);
    if (answer.ok && kept) await keep(path, answer);
    return answer;
  } catch (error) {
    if (kept) return kept;
    throw error;
  }
}

/** @param {string} path @param {Response} answer */
async function keep(path, answer) {
  const copy = answer.clone();
  const cache = await caches.open(SHELL);
  await cache.put(path, copy);
}

/** @returns {Promise<never>} */
function late() {
  return new Promise((_, reject) => setTimeout(() => reject(new Error('late')), PATIENCE));
}
