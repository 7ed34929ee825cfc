/** @file The interface's words in the person's language. The table is the folder i18n/: one file per language, one row per phrase.
 *
 * Only the person's own column is loaded, so that the page stays small; a test checks that every column has every row with the same
 * placeholders. Owns which languages the interface speaks, the choice among them, and direction. Languages of the conversation are
 * languages.js. Used by app.js, which makes the translator that the views are given.
 */

import { firstKnown, primaryTag } from './languages.js';

/** The columns. `zh` is simplified Chinese. */
export const UI_LANGUAGES = ['zh', 'en', 'ar', 'es', 'fr', 'pt', 'ru', 'ko', 'ja', 'hi', 'de', 'vi'];

/** @typedef {typeof import('./i18n/en.js').default} Words */
/** @typedef {keyof Words} Key */
/** @typedef {((key: Key, values?: Record<string, string | number>) => string) & {lang: string, dir: 'ltr' | 'rtl'}} Translate */

/** @param {string} tag @returns {'ltr' | 'rtl'} */
export const direction = (tag) => (['ar', 'fa', 'he', 'ur'].includes(primaryTag(tag)) ? 'rtl' : 'ltr');

/** Loads the words of one language. @param {string} lang one of UI_LANGUAGES @returns {Promise<Translate>} */
export async function translator(lang) {
  const column = UI_LANGUAGES.includes(lang) ? lang : 'en';
  /** @type {{default: Words}} */
  const { default: words } = await import(`./i18n/${column}.js`);
  /** @param {Key} key @param {Record<string, string | number>} [values] */
  const t = (key, values = {}) => words[key].replace(/\{(\w+)\}/g, (all, name) => String(values[name] ?? all));
  return Object.assign(t, { lang: column === 'zh' ? 'zh-Hans' : column, dir: direction(column) });
}

/**
 * The interface's language: the one that was chosen, else the one the person speaks, else the first of the browser's that there is.
 * @param {string | null} chosen @param {string} speaks @param {readonly string[]} browser
 */
export function interfaceLanguage(chosen, speaks, browser) {
  return firstKnown([...(chosen ? [chosen] : []), speaks, ...browser], UI_LANGUAGES) ?? 'en';
}
