/** @file Finds amounts in a caption, to show them large as digits: prices, quantities, shares, bare numbers of two digits or more.
 *
 * Reads digits of any script with the habits of the caption's language (1.200 / 1,200 / 1 200), Chinese and Japanese numerals with their
 * short forms (三块八, 两千五), and currency and unit words of the commonest languages (amounts-words.js). In doubt it finds nothing: a wrong
 * price is worse than none. Pure; used by view-captions.js.
 */

import { COUNTERS, CURRENCIES, DECIMAL_COMMA, MEASURES, MULTIPLIERS, SPACE_GROUPS } from './amounts-words.js';

/**
 * @typedef {{kind: 'money' | 'quantity' | 'number', value: number, unit: string | null, at: number, end: number}} Amount
 *   unit: a currency code for money, the word as it was written for quantities; at, end: where in the text it begins and ends.
 */

/** Words of Chinese, Japanese and Korean, and signs, end anywhere; those of alphabetic scripts where no letter follows. */
const ENDS_ANYWHERE = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}%％$€£₽₹₫]\)?$/u;
/**
 * The longest first, so that 个月 is not read as 个. What says that no letter follows is there once: a browser compiles it for a millisecond.
 * @param {readonly string[]} sources
 */
const oneOf = (sources) => {
  const sorted = [...sources].sort((a, b) => b.length - a.length);
  const [free, bounded] = [sorted.filter((s) => ENDS_ANYWHERE.test(s)), sorted.filter((s) => !ENDS_ANYWHERE.test(s))];
  return [...(bounded.length > 0 ? [`(?:${bounded.join('|')})(?![\\p{L}\\p{M}\\p{Nd}])`] : []), ...free].join('|');
};

/** Characters around a number in which its sign and unit are looked for. */
const NEAR = 32;
const SPACE = '[ \\u00a0\\u202f]?';
const MONEY_AFTER = CURRENCIES.map((c) => ({ code: c.code, at: new RegExp(`^${SPACE}(?:${oneOf(c.after)})`, 'u') }));
const MONEY_BEFORE = CURRENCIES.map((c) => ({ code: c.code, at: new RegExp(`(?:^|[^\\p{L}])(?:${c.before.join('|')})${SPACE}$`, 'u') }));
const MEASURE = new RegExp(`^${SPACE}(${oneOf(MEASURES)})`, 'u');
const COUNTER = new RegExp(`^${SPACE}(${oneOf(COUNTERS)})`, 'u');
const TIMES = MULTIPLIERS.map(([words, by]) => ({ at: new RegExp(`^${SPACE}(${oneOf(String(words).split('|'))})`, 'u'), by: Number(by) }));

const HAN_DIGITS = '零〇一二两俩三四五六七八九';
const HAN_RUN = '零〇一二两俩三四五六七八九十百千万亿点';
const HAN_PLACES = /** @type {Record<string, number>} */ ({ 十: 10, 百: 100, 千: 1000 });

const COUNTED = `(?:${[...COUNTERS, ...MEASURES].filter((w) => /^\p{Script=Han}+$/u.test(w)).join('|')})`;
/** Nothing that is counted follows. */
const NOT_COUNTED = `(?! ?${COUNTED})`;
/** The last digit of a price: no further digit and nothing counted follows, but "for one" (三块八一个) may. */
const ENDS = `(?!(?!一${COUNTED})[\\d${HAN_RUN}])${NOT_COUNTED}`;

const JIAO = new RegExp(`^ ?(?:毛|角)(?:([\\d${HAN_DIGITS}])分?${ENDS})?`, 'u');
const AFTER_YUAN = new RegExp(`^([\\d${HAN_DIGITS}])(?:(?:毛|角)(?:([\\d${HAN_DIGITS}])分?)?)?${ENDS}`, 'u');
const STARTS_COUNTED = new RegExp(`^${COUNTED}`, 'u');
const IS_ENDED = new RegExp(`^${ENDS}`, 'u');
const RUNS = new RegExp(`[${HAN_RUN}]+`, 'gu');
const ONLY_DIGITS = new RegExp(`^[${HAN_DIGITS}]+$`, 'u');
/** Numbers as they are written, without and with plain spaces between groups. */
const NUMBER = ['[\\u00a0\\u202f]', '[ \\u00a0\\u202f]'].map((group) => new RegExp(`\\d+(?:(?:[.,'’]|${group}(?=\\d{3}(?!\\d)))\\d+)*`, 'gu'));

/** What follows a number that is a date, a time of day, an ordinal, a floor: no amount. */
const CALENDAR = /^ ?(?:月|号|日(?!元|圆)|点|楼|层|岁|時|时|分(?!钟)|st\b|nd\b|rd\b|th\b|h\b|am\b|pm\b|월|층|시|분)/u;
const ORDINAL = /(?:第|周|星期|礼拜|週|no\.|№|#)\s?$/u;

/** Zero of each decimal script that captions come in. */
const ZEROS = [0x0660, 0x06f0, 0x0966, 0x09e6, 0x0be6, 0x0c66, 0x0e50, 0x1040, 0xff10];

/** ASCII digits, one character for one. @param {string} text */
function withAsciiDigits(text) {
  return text.replace(/[\u0660-\uff19]/g, (char) => {
    const code = char.charCodeAt(0);
    const zero = ZEROS.find((z) => code >= z && code < z + 10);
    if (zero !== undefined) return String(code - zero);
    return { '٫': '.', '٬': ',', '．': '.' }[char] ?? char;
  });
}

/**
 * The amounts of a caption, in the order in which they were said. While the caption still grows, one at its very end may not be whole
 * (一万两 and then 百块; 12 and then " dollars"): it is left out.
 * @param {string} caption @param {string} lang the caption's language @param {boolean} [whole] no more words come @returns {Amount[]}
 */
export function amounts(caption, lang, whole = true) {
  const text = withAsciiDigits(caption).toLowerCase();
  // Lower case may be longer than the caption in a few scripts (İ): positions are only used for order.
  const found = [...digitAmounts(text, lang), ...(lang === 'zh' || lang === 'ja' ? spelledAmounts(text) : [])];
  found.sort((a, b) => a.at - b.at);
  const length = text.trimEnd().length;
  const sure = whole ? found : found.filter((a) => a.end < length);
  return sure.filter((a, i) => !sure.slice(0, i).some((b) => b.kind === a.kind && b.value === a.value && b.unit === a.unit));
}

/** @param {string} text @param {string} lang */
function* digitAmounts(text, lang) {
  const number = /** @type {RegExp} */ (NUMBER[SPACE_GROUPS.includes(lang) ? 1 : 0]);
  for (const match of text.matchAll(number)) {
    const at = match.index;
    const before = text.slice(Math.max(0, at - NEAR), at);
    const after = text.slice(at + match[0].length, at + match[0].length + NEAR);
    const lead = MONEY_BEFORE.find((c) => c.at.test(before));
    if (!lead && /[\p{Script=Latin}\p{Script=Cyrillic}_]$|[:/@]$|\d[-–]$|[\d.,]$/u.test(before)) continue;
    if (/^(?:[:/@]\d|[-–]\d+[-–])/u.test(after) || ORDINAL.test(before)) continue;
    const exact = MEASURE.test(after);
    const value = parseDigits(match[0], lang, exact);
    if (value === null) continue;
    const amount = withUnit(value, after, at, at + match[0].length, lead?.code ?? null);
    if (amount) yield amount;
  }
}

/**
 * The number that was written, or null. A single separator before exactly three digits groups thousands, whatever the language: prices
 * have no three decimals. Only before a unit of measure the language's own decimal sign wins (1,250 kg in French is one and a quarter).
 * @param {string} written @param {string} lang @param {boolean} measured @returns {number | null}
 */
function parseDigits(written, lang, measured) {
  const plain = written.replace(/[ \u00a0\u202f'’]/gu, '');
  const signs = [...plain.matchAll(/[.,]/g)];
  const last = signs.at(-1);
  if (!last) return finite(plain);
  const decimals = plain.length - last.index - 1;
  const kinds = new Set(signs.map((s) => s[0]));
  const own = DECIMAL_COMMA.includes(lang) ? ',' : '.';
  let decimal;
  if (kinds.size === 2) decimal = last[0];
  else if (signs.length > 1) decimal = null;
  else if (decimals !== 3 || plain.startsWith('0')) decimal = last[0];
  else decimal = measured && last[0] === own ? last[0] : null;
  if (decimal === null && signs.some((s, i) => (signs[i + 1]?.index ?? plain.length) - s.index !== 4)) return null;
  const whole = decimal === null ? plain : plain.slice(0, last.index);
  const rest = decimal === null ? '' : `.${plain.slice(last.index + 1)}`;
  return finite(whole.replace(/[.,]/g, '') + rest);
}

/** @param {string} digits */
function finite(digits) {
  // More than nine digits before the point is a telephone number or an account.
  return /^\d{1,9}(?:\.\d+)?$/.test(digits) ? Number(digits) : null;
}

/**
 * Looks at what follows a number in digits.
 * @param {number} value @param {string} rest @param {number} at @param {number} end of the digits @param {string | null} currency @returns {Amount | null}
 */
function withUnit(value, rest, at, end, currency) {
  let after = rest;
  for (const { at: pattern, by } of TIMES) {
    const match = pattern.exec(after);
    if (match) {
      value = round(value * (match[1] === 'billion' ? 1e9 : by));
      after = after.slice(match[0].length);
      end += match[0].length;
      break;
    }
  }
  const yuan = currency === null ? kuai(value, after) : null;
  if (yuan) return { kind: 'money', value: yuan.value, unit: 'CNY', at, end: end + yuan.length };
  const money = currency === null ? moneyAfter(after) : { code: currency, length: moneyAfter(after)?.length ?? 0 };
  if (money) return { kind: 'money', value, unit: money.code, at, end: end + money.length };
  const unit = MEASURE.exec(after) ?? COUNTER.exec(after);
  if (unit) return { kind: 'quantity', value, unit: unit[1] ?? null, at, end: end + unit[0].length };
  if (CALENDAR.test(after) || /^[\p{Script=Latin}\p{Script=Cyrillic}_-]/u.test(after)) return null;
  return value >= 10 || !Number.isInteger(value) ? { kind: 'number', value, unit: null, at, end } : null;
}

/** @param {string} after */
function moneyAfter(after) {
  for (const { code, at } of MONEY_AFTER) {
    const match = at.exec(after);
    if (match) return { code, length: match[0].length };
  }
  return null;
}

/**
 * Yuan with what follows 块 or 元: 三块八 is 3.8, 三块八毛五 3.85, 三块半 3.5; 五毛 alone is 0.5. But 十块三个 is ten yuan for three.
 * @param {number} value @param {string} after @returns {{value: number, length: number} | null} length: of what follows the number
 */
function kuai(value, after) {
  const whole = /^ ?(?:块钱|块|塊|元|圆)/u.exec(after);
  if (!whole) {
    const jiao = JIAO.exec(after);
    return jiao ? { value: round(value / 10 + hanDigit(jiao[1]) / 100), length: jiao[0].length } : null;
  }
  const length = whole[0].length;
  const rest = after.slice(length);
  if (rest.startsWith('半')) return { value: round(value + 0.5), length: length + 1 };
  const parts = AFTER_YUAN.exec(rest);
  if (!parts) return { value, length };
  return { value: round(value + hanDigit(parts[1]) / 10 + hanDigit(parts[2]) / 100), length: length + parts[0].length };
}

/** @param {string} text */
function* spelledAmounts(text) {
  for (const match of text.matchAll(/百分之([零〇一二两三四五六七八九十百点\d.]+)/gu)) {
    const value = parseHan(match[1] ?? '') ?? finite(match[1] ?? '');
    if (value !== null) yield /** @type {Amount} */ ({ kind: 'quantity', value, unit: '%', at: match.index, end: match.index + match[0].length });
  }
  for (const match of text.matchAll(RUNS)) {
    const all = match[0];
    const before = text.slice(Math.max(0, match.index - NEAR), match.index);
    // 两千五一台 is 2500 for one, 二十一台 is 21.
    const forOne = parseHan(all) === null && all.endsWith('一') && STARTS_COUNTED.test(text.slice(match.index + all.length));
    const run = forOne ? all.slice(0, -1) : all;
    const after = text.slice(match.index + run.length, match.index + run.length + NEAR);
    // A fraction after 块 and 毛 was read together with its whole; digits before are read by digitAmounts.
    if (/[\d.]$/u.test(before) || (/[块塊元圆毛角]$/u.test(before) && IS_ENDED.test(after))) continue;
    if (ORDINAL.test(before) || /百分之$/u.test(before)) continue;
    const value = parseHan(run);
    if (value === null) continue;
    const at = match.index;
    const end = at + run.length;
    const yuan = kuai(value, after);
    if (yuan) {
      // 一块 also means "together" and "a piece": only 一块钱, 一块五 are surely money.
      if (run === '一' && yuan.value === 1 && !/^(?:块钱|元|毛钱)/u.test(after)) continue;
      yield /** @type {Amount} */ ({ kind: 'money', value: yuan.value, unit: 'CNY', at, end: end + yuan.length });
      continue;
    }
    const money = moneyAfter(after);
    const measure = MEASURE.exec(after);
    const counter = COUNTER.exec(after);
    const unit = measure ?? counter;
    if (money) {
      yield /** @type {Amount} */ ({ kind: 'money', value, unit: money.code, at, end: end + money.length });
    } else if (unit) {
      const half = after.slice(unit[0].length).startsWith('半');
      const number = half ? value + 0.5 : value;
      if (measure || number > 1) yield /** @type {Amount} */ ({ kind: 'quantity', value: number, unit: unit[1] ?? null, at, end: end + unit[0].length + Number(half) });
    } else if (value >= 10 && /[十百千万亿]/u.test(run) && !CALENDAR.test(after)) {
      yield /** @type {Amount} */ ({ kind: 'number', value, unit: null, at, end });
    }
  }
}

/**
 * A number in Chinese numerals, with the short last place of speech (一百八 is 180, 三万二 is 32000). Null for what is not one number:
 * 四五十 (forty or fifty), 万一.
 * @param {string} run @returns {number | null}
 */
export function parseHan(run) {
  const [whole = '', fraction, ...more] = run.split('点');
  if (more.length > 0 || whole === '') return null;
  let total = 0;
  let section = 0;
  /** @type {number | null} */
  let digit = null;
  let lastPlace = 0;
  let zero = false;
  for (const char of whole) {
    const place = HAN_PLACES[char];
    if (char === '零' || char === '〇') {
      if (digit !== null) return null;
      zero = true;
    } else if (place !== undefined) {
      if (digit === null && !(place === 10 && section === 0)) return null;
      if (section !== 0 && lastPlace !== 0 && place >= lastPlace) return null;
      section += (digit ?? 1) * place;
      [digit, lastPlace, zero] = [null, place, false];
    } else if (char === '万' || char === '亿') {
      const unit = char === '万' ? 1e4 : 1e8;
      section += digit ?? 0;
      if (section === 0 || (total !== 0 && total < 1e8)) return null;
      total += section * unit;
      [section, digit, lastPlace, zero] = [0, null, unit, false];
    } else {
      if (digit !== null) return null;
      digit = hanDigit(char);
    }
  }
  if (digit !== null) {
    const short = lastPlace >= 100 && !zero;
    section += short ? digit * (lastPlace / 10) : digit;
  }
  const value = total + section;
  if (fraction === undefined) return value > 0 ? value : null;
  if (!ONLY_DIGITS.test(fraction)) return null;
  return Number(`${value}.${[...fraction].map(hanDigit).join('')}`);
}

/** @param {string | undefined} char a digit, Chinese or not; 0 for none */
function hanDigit(char) {
  if (char === undefined) return 0;
  const at = HAN_DIGITS.indexOf(char);
  return at < 0 ? Number(char) : [0, 0, 1, 2, 2, 2, 3, 4, 5, 6, 7, 8, 9][at] ?? 0;
}

/** Binary fractions of decimal sums (3 + 0.8 + 0.05) are cut at 6 places. @param {number} value */
function round(value) {
  return Math.round(value * 1e6) / 1e6;
}

/** Making one takes longer than writing a number with it. @type {Map<string, Intl.NumberFormat>} */
const NUMBER_FORMATS = new Map();

/** @param {string} lang @param {number} least @param {number} most digits after the point */
function numberFormat(lang, least, most) {
  const key = `${lang} ${least} ${most}`;
  const known = NUMBER_FORMATS.get(key);
  if (known) return known;
  const format = new Intl.NumberFormat([lang, 'en'], { numberingSystem: 'latn', minimumFractionDigits: least, maximumFractionDigits: most });
  NUMBER_FORMATS.set(key, format);
  return format;
}

/**
 * The amount as people of a language write it, always in Western digits: they are on every price tag.
 * @param {{kind: string, value: number, unit: string | null}} amount @param {string} lang
 */
export function formatAmount(amount, lang) {
  const money = amount.kind === 'money';
  const cents = money && !Number.isInteger(amount.value);
  const digits = numberFormat(lang, cents ? 2 : 0, money ? 2 : 3).format(amount.value);
  if (!money) return amount.unit === null ? digits : /^[%％]$/u.test(amount.unit) ? `${digits}%` : `${digits} ${amount.unit}`;
  const currency = CURRENCIES.find((c) => c.code === amount.unit);
  if (!currency) return amount.unit ? `${digits} ${amount.unit}` : digits;
  if (currency.suffix) return `${digits} ${currency.sign}`;
  return /^[A-Z]/u.test(currency.sign) ? `${currency.sign} ${digits}` : `${currency.sign}${digits}`;
}
