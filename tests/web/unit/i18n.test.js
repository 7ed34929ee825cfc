/** @file The table of interface words: complete, with the same placeholders, and every phrase that the code names exists and is used. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { UI_LANGUAGES, interfaceLanguage, translator } from '../../../src/web/i18n.js';
import { LANGUAGES, firstKnown, nameIn } from '../../../src/web/languages.js';

const WEB = new URL('../../../src/web/', import.meta.url);
const sources = readdirSync(WEB).filter((f) => f.endsWith('.js')).map((f) => readFileSync(new URL(f, WEB), 'utf8')).join('\n');

/** @type {Record<string, Record<string, string>>} */
const COLUMNS = {};
for (const lang of UI_LANGUAGES) COLUMNS[lang] = (await import(new URL(`i18n/${lang}.js`, WEB).href)).default;
const KEYS = Object.keys(COLUMNS.en ?? {});

test('each column has every row, in the same order, and no other', () => {
  assert.ok(KEYS.length > 100);
  assert.deepEqual(readdirSync(new URL('i18n/', WEB)).sort(), UI_LANGUAGES.map((lang) => `${lang}.js`).sort());
  for (const lang of UI_LANGUAGES) assert.deepEqual(Object.keys(COLUMNS[lang] ?? {}), KEYS, lang);
});

test('the languages of the interface', () => {
  for (const tag of ['zh', 'en', 'ar', 'es', 'fr', 'pt', 'ru', 'ko', 'ja', 'hi', 'de', 'vi']) assert.ok(UI_LANGUAGES.includes(tag), tag);
  const known = LANGUAGES.map(([tag]) => tag);
  assert.deepEqual(UI_LANGUAGES.filter((tag) => !known.includes(tag)), []);
});

/** Scripts that a column must be written in; a pasted neighbour column shows. @type {Record<string, RegExp>} */
const SCRIPT = { zh: /\p{Script=Han}/u, ar: /\p{Script=Arabic}/u, ru: /\p{Script=Cyrillic}/u, ko: /\p{Script=Hangul}/u, ja: /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/u, hi: /\p{Script=Devanagari}/u };

for (const key of KEYS) {
  test(`${key} is complete`, () => {
    const row = UI_LANGUAGES.map((lang) => COLUMNS[lang]?.[key] ?? '');
    const placeholders = (/** @type {string} */ text) => [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort();
    row.forEach((text, i) => {
      const lang = UI_LANGUAGES[i] ?? '';
      assert.ok(text.trim() !== '' && text === text.trim(), lang);
      assert.deepEqual(placeholders(text), placeholders(row[0] ?? ''), lang);
      assert.match(text, SCRIPT[lang] ?? /\p{Script=Latin}/u, lang);
      assert.ok(!/[<>]/.test(text), lang);
    });
  });
  test(`${key} is used`, () => {
    const dynamic = /^(problem|mic|failed|state|voice)_/.exec(key)?.[1];
    assert.ok(sources.includes(`'${key}'`) || (dynamic && sources.includes(`\`${dynamic}_\${`)) || /_(title|text)$/.test(key), key);
  });
}

test('every phrase that the code names is in the table', () => {
  const named = [...sources.matchAll(/\bt\('(\w+)'/g)].map((m) => m[1] ?? '');
  assert.ok(named.length > 40, 'the pattern still finds the calls');
  assert.deepEqual(named.filter((key) => !KEYS.includes(key)), []);
});

test('placeholders are filled, unknown ones stay to be seen', async () => {
  const t = await translator('en');
  assert.equal(t('peer_here', { language: 'Chinese' }), 'The other is here: Chinese');
  assert.match(t('peer_here'), /\{language\}/);
  assert.equal((await translator('ar')).dir, 'rtl');
  assert.equal((await translator('zh')).lang, 'zh-Hans');
  assert.equal((await translator('xx')).lang, 'en');
});

test('the interface follows the choice, then what is spoken, then the browser', () => {
  assert.equal(interfaceLanguage('fr', 'zh', ['de']), 'fr');
  assert.equal(interfaceLanguage(null, 'pt', ['de']), 'pt');
  assert.equal(interfaceLanguage(null, 'th', ['xx', 'de-AT']), 'de');
  assert.equal(interfaceLanguage(null, 'th', []), 'en');
});

test('browser tags are matched by their primary part', () => {
  const tags = LANGUAGES.map(([tag]) => tag);
  assert.equal(firstKnown(['xx', 'zh-Hant-TW'], tags), 'zh');
  assert.equal(firstKnown(['nb-NO'], tags), 'no');
  assert.equal(firstKnown(['tlh'], tags), null);
  assert.equal(nameIn('de', 'en'), 'German');
  assert.equal(nameIn('not a tag', 'en'), 'not a tag');
});

test('the languages to speak are those of the server, in its order', () => {
  const table = readFileSync(new URL('../../../src/language.rs', import.meta.url), 'utf8');
  const rows = [...table.matchAll(/^ {4}"([a-z]+)" "[^"]+" "([^"]+)"/gm)].map((m) => [m[1], m[2]]);
  assert.ok(rows.length > 50);
  assert.deepEqual(LANGUAGES, rows);
});
