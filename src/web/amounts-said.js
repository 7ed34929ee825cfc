/** @file The amounts of the server's `numbers` messages as people read them: "12.50 元", "?" where the server was not sure.
 *
 * The server compared them with the translation; nothing is found or judged here. Pure; used by view-captions.js.
 */

import { formatAmount } from './amounts.js';

/** @typedef {{kind: string, value: string, unit?: string, verified?: boolean, doubtful?: boolean}} Said */

/** Units that say nothing beside the number. */
const PLAIN = ['pcs'];

/**
 * One amount as text in the language `ui`.
 * @param {Said} said @param {string} ui
 */
export function saidText(said, ui) {
  const text = withUnit(said, ui);
  return said.doubtful ? `${text} ?` : text;
}

/** True when the translation may say another amount, or another one was meant. @param {Said} said */
export const isUnsure = (said) => said.doubtful === true || said.verified === false;

/** @param {Said} said @param {string} ui */
function withUnit({ kind, value, unit }, ui) {
  const named = unit !== undefined && !PLAIN.includes(unit) ? unit : null;
  switch (kind) {
    case 'money':
      return ends(value).map((v) => formatAmount({ kind: 'money', value: v, unit: unit ?? null }, ui)).join('–') || value;
    case 'percent':
      return `${numerals(value, ui)}%`;
    case 'discount':
      return `-${numerals(value, ui)}%`;
    case 'number':
    case 'quantity':
    case 'fraction':
      return named === null ? numerals(value, ui) : `${numerals(value, ui)} ${named}`;
    default:
      // Dates, times, sizes, telephone numbers and codes are as they are.
      return named === null ? value : `${value} ${named}`;
  }
}

/** A number or both ends of a range in the habits of `ui`. @param {string} value @param {string} ui */
const numerals = (value, ui) => ends(value).map((v) => formatAmount({ kind: 'number', value: v, unit: null }, ui)).join('–') || value;

/** The numbers of `15-18` or `3.8`; none when it is something else. @param {string} value */
function ends(value) {
  const parts = /^(\d+(?:\.\d+)?)(?:-(\d+(?:\.\d+)?))?$/.exec(value);
  return parts ? parts.slice(1).filter((part) => part !== undefined).map(Number) : [];
}
