/**
 * @file Error rates between what should have been said and what was, as src/score.rs counts them.
 *
 * Pure. Chinese, Japanese and Korean are counted by characters, everything else by words. 三十五 and 35 are the same: recognisers write either.
 */
import { parseHan } from '../../../../src/web/amounts.js';

/** @param {string} text */
function normalised(text) {
  const digits = text.replace(/[零〇一二两三四五六七八九十百千万点]+/g, (run) => String(parseHan(run) ?? run));
  return digits.normalize('NFKC').toLowerCase().replace(/[^\p{L}\p{N}\p{M}]+/gu, ' ').trim();
}

/**
 * Levenshtein distance.
 * @param {string[]} a
 * @param {string[]} b
 */
export function edits(a, b) {
  const row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 0; i < a.length; i++) {
    let diagonal = row[0];
    row[0] = i + 1;
    for (let j = 0; j < b.length; j++) {
      const substituted = diagonal + (a[i] === b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = Math.min(substituted, diagonal + 1, row[j] + 1);
    }
  }
  return row[b.length];
}

/**
 * Edits per unit of the reference; 1 when nothing was heard of it.
 * @param {string} lang
 * @param {string} reference
 * @param {string} hypothesis
 */
export function errorRate(lang, reference, hypothesis) {
  const byCharacter = /^(zh|ja|ko)/.test(lang);
  /** @param {string} text */
  const units = (text) => (byCharacter ? [...normalised(text).replaceAll(' ', '')] : normalised(text).split(' ').filter(Boolean));
  const expected = units(reference);
  return edits(expected, units(hypothesis)) / Math.max(expected.length, 1);
}
