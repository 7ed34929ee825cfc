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

/** @param {() => Storage} area @param {string} key @returns {unknown} */
function read(area, key) {
  try {
    return JSON.parse(area().getItem(key) ?? 'null');
  } catch {
    return null;
  }
}

/** @param {() => Storage} area @param {string} key @param {unknown} value */
function write(area, key, value) {
  try {
    if (value === null) area().removeItem(key);
    else area().setItem(key, JSON.stringify(value));
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
  write(local, SETTINGS, settings);
}

/** The conversation of this tab, as `saveSession` kept it. @returns {any} */
export function loadSession() {
  return read(session, SESSION);
}

/** Keeps the conversation of this tab; `null` forgets it. False when there was no room. @param {unknown} value */
export function saveSession(value) {
  return write(session, SESSION, value);
}
