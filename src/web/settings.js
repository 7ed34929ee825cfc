/** @file What the device remembers: choices (localStorage, they outlive the visit) and the running conversation (sessionStorage, gone with the tab).
 *
 * Storage may be missing, full or forbidden: then nothing is remembered and everything else works. Knows nothing of the page. Used by app.js.
 */

/**
 * @typedef {{language: string | null, hear: string | null, ui: string | null, voice: 'female' | 'male', volume: number, readOnly: boolean}} Settings
 */

/** @type {Settings} */
export const DEFAULTS = { language: null, hear: null, ui: null, voice: 'female', volume: 1, readOnly: false };

const SETTINGS = 'tongchuan.settings';
const SESSION = 'tongchuan.session';
/**
 * The conversation is kept in entries of so many lines, of which only those that changed are written: writing stops the page for as long as the
 * entry is, and it happens every second while two people talk.
 */
const PAGE_LINES = 50;
/** What is in the storage, by key. @type {Map<string, string>} */
const written = new Map();

/** @param {() => Storage} area @param {string} key @returns {unknown} */
function read(area, key) {
  try {
    return JSON.parse(area().getItem(key) ?? 'null');
  } catch {
    return null;
  }
}

/** @param {() => Storage} area @param {string} key @param {string | null} text null: nothing any more */
function write(area, key, text) {
  try {
    if (text === null) area().removeItem(key);
    else area().setItem(key, text);
    return true;
  } catch {
    return false;
  }
}

const local = () => globalThis.localStorage;
const session = () => globalThis.sessionStorage;

/** The choices; a wrong or missing one is its default. @returns {Settings} */
export function loadSettings() {
  const kept = /** @type {Record<string, unknown> | null} */ (read(local, SETTINGS)) ?? {};
  /** @param {unknown} value */
  const tag = (value) => (typeof value === 'string' && /^[a-z]{2,3}(-\w+)?$/.test(value) ? value : null);
  const volume = kept.volume;
  return {
    language: tag(kept.language),
    hear: tag(kept.hear),
    ui: tag(kept.ui),
    voice: kept.voice === 'male' ? 'male' : 'female',
    volume: typeof volume === 'number' && volume >= 0 && volume <= 1 ? volume : DEFAULTS.volume,
    readOnly: kept.readOnly === true,
  };
}

/** @param {Settings} settings */
export function saveSettings(settings) {
  write(local, SETTINGS, JSON.stringify(settings));
}

/** The conversation of this tab, as `saveSession` kept it. @returns {any} */
export function loadSession() {
  const kept = /** @type {any} */ (read(session, SESSION));
  if (typeof kept?.conversation?.pages !== 'number') return kept;
  const { pages, ...conversation } = kept.conversation;
  const lines = Array.from({ length: pages }, (_, i) => read(session, pageKey(i)) ?? []).flat();
  return { ...kept, conversation: { ...conversation, lines } };
}

/**
 * Keeps the conversation of this tab; `null` forgets it. False when there was no room.
 * @param {{conversation: {lines: unknown[]}, [more: string]: unknown} | null} value
 */
export function saveSession(value) {
  const { lines = [], ...conversation } = value?.conversation ?? {};
  const pages = Math.ceil(lines.length / PAGE_LINES);
  const old = [...written.keys()].filter((key) => key.startsWith(`${SESSION}.`) && Number(key.slice(SESSION.length + 1)) >= pages);
  const texts = /** @type {[string, string | null][]} */ ([
    ...Array.from({ length: pages }, (_, i) => [pageKey(i), JSON.stringify(lines.slice(i * PAGE_LINES, (i + 1) * PAGE_LINES))]),
    [SESSION, value && JSON.stringify({ ...value, conversation: { ...conversation, pages } })],
    ...old.map((key) => [key, null]),
  ]);
  let complete = true;
  for (const [key, text] of texts) {
    if (text !== null && written.get(key) === text) continue;
    if (!write(session, key, text)) complete = false;
    else if (text === null) written.delete(key);
    else written.set(key, text);
  }
  return complete;
}

/** @param {number} page */
function pageKey(page) {
  return `${SESSION}.${page}`;
}
