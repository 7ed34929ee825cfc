/** @file The languages a person can choose, with their own names: the same rows in the same order as src/language.rs (a test compares them).
 *
 * The server's `welcome` says which of them it knows; before that the page offers all. Knows nothing of the interface's own languages
 * (i18n.js). Used by the views and by i18n.js.
 */

/** Tag and the language's own name. @type {ReadonlyArray<readonly [string, string]>} */
export const LANGUAGES = [
  ['zh', '中文'], ['en', 'English'], ['es', 'Español'], ['fr', 'Français'], ['pt', 'Português'], ['it', 'Italiano'],
  ['hi', 'हिन्दी'], ['ru', 'Русский'], ['ar', 'العربية'], ['de', 'Deutsch'], ['ko', '한국어'], ['ja', '日本語'], ['tr', 'Türkçe'],
  ['vi', 'Tiếng Việt'], ['id', 'Bahasa Indonesia'], ['ms', 'Bahasa Melayu'], ['th', 'ไทย'], ['fa', 'فارسی'], ['ur', 'اردو'],
  ['bn', 'বাংলা'], ['ta', 'தமிழ்'], ['te', 'తెలుగు'], ['uk', 'Українська'], ['pl', 'Polski'], ['nl', 'Nederlands'],
  ['ro', 'Română'], ['cs', 'Čeština'], ['hu', 'Magyar'], ['el', 'Ελληνικά'], ['he', 'עברית'], ['sv', 'Svenska'],
  ['fi', 'Suomi'], ['da', 'Dansk'], ['no', 'Norsk'], ['bg', 'Български'], ['hr', 'Hrvatski'], ['sr', 'Српски'],
  ['sk', 'Slovenčina'], ['sl', 'Slovenščina'], ['lt', 'Lietuvių'], ['lv', 'Latviešu'], ['et', 'Eesti'], ['kk', 'Қазақша'],
  ['uz', 'Oʻzbekcha'], ['az', 'Azərbaycanca'], ['hy', 'Հայերեն'], ['ka', 'ქართული'], ['sw', 'Kiswahili'], ['ca', 'Català'],
  ['mk', 'Македонски'], ['sq', 'Shqip'], ['ne', 'नेपाली'], ['mr', 'मराठी'], ['my', 'မြန်မာ'], ['am', 'አማርኛ'],
  ['af', 'Afrikaans'],
];

const NAMES = new Map(LANGUAGES);

/** The language's own name. @param {string} tag */
export function nativeName(tag) {
  return NAMES.get(tag) ?? tag;
}

/** The language's name in another language, as the browser knows it; its own name otherwise. @param {string} tag @param {string} inLanguage */
export function nameIn(tag, inLanguage) {
  try {
    return new Intl.DisplayNames([inLanguage], { type: 'language', fallback: 'none' }).of(tag) ?? nativeName(tag);
  } catch {
    return nativeName(tag);
  }
}

/** The first of the wanted tags (such as `zh-Hant-TW`) that the list has, by its primary part. @param {readonly string[]} wanted @param {readonly string[]} known */
export function firstKnown(wanted, known) {
  for (const tag of wanted) {
    const primary = primaryTag(tag);
    if (known.includes(primary)) return primary;
  }
  return null;
}

/** `pt` of `pt-BR`; Norwegian, Filipino and Cantonese under the tags we use. @param {string} tag */
export function primaryTag(tag) {
  const primary = tag.toLowerCase().split(/[-_]/)[0] ?? '';
  return { nb: 'no', nn: 'no', yue: 'zh', cmn: 'zh', iw: 'he', in: 'id' }[primary] ?? primary;
}

/** Every tag of the table. */
export const TAGS = LANGUAGES.map(([tag]) => tag);
