/** @file The interface's words in the person's language, from the one table in i18n-table.js.
 *
 * Owns which languages the interface speaks, the guess from the browser's list, direction and placeholders. Languages of the conversation
 * are languages.js. Used by app.js (which makes the translator) and by the views (which are given it).
 */

import { firstKnown, primaryTag } from './languages.js';
import { TABLE, UI_LANGUAGES } from './i18n-table.js';

export { UI_LANGUAGES };

/** @typedef {keyof typeof TABLE} Key */
/** @typedef {((key: Key, values?: Record<string, string | number>) => string) & {lang: string, dir: 'ltr' | 'rtl'}} Translate */

/** @param {string} tag @returns {'ltr' | 'rtl'} */
export const direction = (tag) => (['ar', 'fa', 'he', 'ur'].includes(primaryTag(tag)) ? 'rtl' : 'ltr');

/** The words of one language. @param {string} lang one of UI_LANGUAGES @returns {Translate} */
export function translator(lang) {
  const column = Math.max(0, UI_LANGUAGES.indexOf(lang));
  /** @param {Key} key @param {Record<string, string | number>} [values] */
  const t = (key, values = {}) => (TABLE[key][column] ?? '').replace(/\{(\w+)\}/g, (all, name) => String(values[name] ?? all));
  return Object.assign(t, { lang: lang === 'zh' ? 'zh-Hans' : lang, dir: direction(lang) });
}

/**
 * The interface's language: the one that was chosen, else the one the person speaks, else the first of the browser's that there is.
 * @param {string | null} chosen @param {string} speaks @param {readonly string[]} browser
 */
export function interfaceLanguage(chosen, speaks, browser) {
  return firstKnown([...(chosen ? [chosen] : []), speaks, ...browser], UI_LANGUAGES) ?? 'en';
}
