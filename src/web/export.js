/** @file The conversation as a file of one's own: plain text, subtitles (SRT) or JSON, saved or shared from the device; no server takes part.
 *
 * The three writers are pure (tested in node); `save` and `share` are the browser's download and share sheet. Used by view-menu.js.
 */

import { hasWords, reading } from './captions.js';

/** @typedef {import('./captions.js').Line} Line */
/** @typedef {{me: string, other: string}} Names who is who, in the interface's language */

/** A subtitle is shown at least this long, in milliseconds; reading 15 characters takes about a second. */
const SHOWN_MIN = 1500;
const SHOWN_PER_CHAR = 70;

/** @param {readonly Line[]} lines */
const spoken = (lines) => lines.filter(hasWords);

/** @param {import('./captions.js').Text | null} text */
const words = (text) => (text ? text.committed.trim() : '');

/** Lines to read: time, who, the words and under them the other language. @param {readonly Line[]} lines @param {string} hear @param {Names} names */
export function toText(lines, hear, names) {
  return spoken(lines)
    .map((line) => {
      const { main, second } = reading(line, hear);
      const head = `[${clock(line.at)}] ${line.mine ? names.me : names.other}: `;
      const texts = [main, second].map(words).filter((t) => t !== '');
      return head + texts.join(`\n${' '.repeat(4)}`);
    })
    .join('\n')
    .concat('\n');
}

/** Subtitles: times count from the start of the conversation; none overlaps the next. @param {readonly Line[]} lines @param {number} startedAt @param {string} hear */
export function toSrt(lines, startedAt, hear) {
  const all = spoken(lines);
  return all
    .map((line, i) => {
      const { main, second } = reading(line, hear);
      const text = [main, second].map(words).filter((t) => t !== '').join('\n');
      const from = Math.max(0, line.at - startedAt);
      const next = all[i + 1];
      const wanted = from + SHOWN_MIN + SHOWN_PER_CHAR * text.length;
      const to = next ? Math.max(from + 1, Math.min(wanted, next.at - startedAt)) : wanted;
      // An empty line inside a subtitle would end it.
      return `${i + 1}\n${stamp(from)} --> ${stamp(to)}\n${text.replace(/\n\s*\n/g, '\n')}\n`;
    })
    .join('\n');
}

/** Everything, for programs. @param {readonly Line[]} lines @param {number} startedAt */
export function toJson(lines, startedAt) {
  const texts = (/** @type {Line} */ line) => line.translations.map((t) => ({ lang: t.lang, text: words(t) }));
  return JSON.stringify(
    {
      format: 'tongchuan.conversation', version: 1, started: new Date(startedAt).toISOString(),
      lines: spoken(lines).map((line) => ({
        at: new Date(line.at).toISOString(), mine: line.mine, speaker: line.speaker, utterance: line.utterance,
        source: line.source && { lang: line.source.lang, text: words(line.source) },
        translations: texts(line),
      })),
    },
    null,
    2,
  );
}

/** @param {number} at */
function clock(at) {
  const date = new Date(at);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((n) => String(n).padStart(2, '0')).join(':');
}

/** SRT's time. @param {number} ms */
export function stamp(ms) {
  const pad = (/** @type {number} */ n, width = 2) => String(Math.floor(n)).padStart(width, '0');
  return `${pad(ms / 3600000)}:${pad((ms / 60000) % 60)}:${pad((ms / 1000) % 60)},${pad(ms % 1000, 3)}`;
}

/** A file name that sorts by time and says nothing of what was said. @param {number} startedAt @param {string} extension */
export function fileName(startedAt, extension) {
  const day = new Date(startedAt);
  const two = (/** @type {number} */ n) => String(n).padStart(2, '0');
  return `tongchuan-${day.getFullYear()}${two(day.getMonth() + 1)}${two(day.getDate())}-${two(day.getHours())}${two(day.getMinutes())}.${extension}`;
}

/** Saves a file on the device. @param {string} name @param {string} type @param {string} content */
export function save(name, type, content) {
  const url = URL.createObjectURL(new Blob([content], { type: `${type};charset=utf-8` }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // Safari reads the file after the click returns.
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}

/** Opens the device's share sheet. False where there is none; true too when the person closes it. @param {string} name @param {string} content */
export async function share(name, content) {
  if (!navigator.share) return false;
  const file = new File([content], name, { type: 'text/plain' });
  try {
    await navigator.share(navigator.canShare?.({ files: [file] }) ? { files: [file] } : { text: content });
    return true;
  } catch (error) {
    return error instanceof DOMException && error.name === 'AbortError';
  }
}
