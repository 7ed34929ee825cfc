/**
 * @file Error rates between what should have been said and what was, as src/score.rs counts them.
 *
 * Pure. Chinese, Japanese and Korean are counted by characters, everything else by words. 三十五 and 35 are the same: recognisers write either.
 */
import { pinyin } from 'pinyin-pro';
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
 * What is counted.
 * @param {string} lang
 * @param {string} text
 */
function units(lang, text) {
  const words = normalised(text);
  return /^(zh|ja|ko)/.test(lang) ? [...words.replaceAll(' ', '')] : words.split(' ').filter(Boolean);
}

/**
 * @param {string[]} expected
 * @param {string[]} found
 */
function rate(expected, found) {
  return edits(expected, found) / Math.max(expected.length, 1);
}

/**
 * Edits per unit of the reference; 1 when nothing was heard of it.
 * @param {string} lang
 * @param {string} reference
 * @param {string} hypothesis
 */
export function errorRate(lang, reference, hypothesis) {
  return rate(units(lang, reference), units(lang, hypothesis));
}

/**
 * The same of what can be heard: Chinese by syllables without their tones. Which of the characters that sound alike was meant, no sound
 * says.
 * @param {string} lang
 * @param {string} reference
 * @param {string} hypothesis
 */
export function soundErrorRate(lang, reference, hypothesis) {
  /** @param {string} text */
  const sounds = (text) => units(lang, text).map((unit) => (lang === 'zh' ? pinyin(unit, { toneType: 'none' }) : unit));
  return rate(sounds(reference), sounds(hypothesis));
}
