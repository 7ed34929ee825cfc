/** @file The conversation as data: what was said, line by line, built from the server's `caption`, `numbers` and `error` messages.
 *
 * Append-only: `committed` text grows and is never revised, only the grey `pending` tail is replaced. Pure: no DOM, no clock of its own
 * (the time is an argument), so that it can be kept in sessionStorage and tested in node. app.js feeds it, the views and export.js read it.
 */

/**
 * Words in one language.
 * @typedef {{lang: string, committed: string, pending: string, last: boolean}} Text
 *
 * One utterance. `epoch` counts the fresh sessions on the server: utterance numbers start again with each.
 * @typedef {{key: string, epoch: number, utterance: number, speaker: number, mine: boolean, at: number, source: Text | null,
 *   translations: Text[], failed: string | null, numbers: SpokenNumber[]}} Line
 *
 * What the server's `numbers` message names.
 * @typedef {{kind: string, value: string, unit?: string, verified?: boolean, doubtful?: boolean}} SpokenNumber
 *
 * @typedef {{epoch: number, startedAt: number, lines: Line[]}} Kept
 */

/** Lines kept in memory and on the device; a long market day is some hundreds. */
export const MAX_LINES = 2000;
/** So many go at once, so that what is kept on the device is not all written anew for each new line. */
const FORGOTTEN = 50;

/** The words of one conversation. */
export class Conversation {
  /** @param {number} now milliseconds since 1970 */
  constructor(now) {
    this.epoch = 0;
    this.startedAt = now;
    /** @type {Line[]} */
    this.lines = [];
    /** @type {Map<string, Line>} */
    this.byKey = new Map();
  }

  /** A new session on the server begins: its utterance numbers are new ones. Lines that were under way will not go on. */
  newEpoch() {
    this.epoch += 1;
    for (const line of this.lines) settle(line);
  }

  /**
   * Takes one message of the server.
   * @param {any} message a parsed server message
   * @param {number} me this client's participant number
   * @param {number} now milliseconds since 1970
   * @returns {Line | null} the line that changed
   */
  apply(message, me, now) {
    switch (message.type) {
      case 'caption': {
        const line = this.#line(message.utterance, message.speaker, me, now);
        const text = message.kind === 'source' ? (line.source ??= empty(message.lang)) : translation(line, message.lang);
        text.committed += message.committed;
        text.pending = message.last ? '' : message.pending;
        text.last ||= message.last;
        return line;
      }
      case 'numbers': {
        const line = this.#line(message.utterance, message.speaker, me, now);
        line.numbers.push(...message.numbers);
        return line;
      }
      case 'error': {
        const line = message.utterance === undefined ? null : this.find(message.utterance);
        if (!line) return null;
        line.failed = message.code;
        settle(line);
        return line;
      }
      default:
        return null;
    }
  }

  /** The line of an utterance of the present session. @param {number} utterance */
  find(utterance) {
    return this.byKey.get(this.#key(utterance)) ?? null;
  }

  /** @param {number} utterance */
  #key(utterance) {
    return `${this.epoch}:${utterance}`;
  }

  /** @param {number} utterance @param {number} speaker @param {number} me @param {number} now @returns {Line} */
  #line(utterance, speaker, me, now) {
    const key = this.#key(utterance);
    let line = this.byKey.get(key);
    if (!line) {
      line = {
        key, epoch: this.epoch, utterance, speaker, mine: speaker === me, at: now,
        source: null, translations: [], failed: null, numbers: [],
      };
      this.byKey.set(key, line);
      this.lines.push(line);
      if (this.lines.length > MAX_LINES) {
        for (const oldest of this.lines.splice(0, FORGOTTEN)) this.byKey.delete(oldest.key);
      }
    }
    return line;
  }

  /** What sessionStorage keeps. @returns {Kept} */
  keep() {
    return { epoch: this.epoch, startedAt: this.startedAt, lines: this.lines };
  }

  /** The conversation that was kept; an empty one when what was kept is not one. @param {unknown} kept @param {number} now */
  static restore(kept, now) {
    const conversation = new Conversation(now);
    const from = /** @type {Partial<Kept> | null | undefined} */ (kept);
    if (from && Array.isArray(from.lines) && typeof from.epoch === 'number') {
      conversation.epoch = from.epoch;
      conversation.startedAt = from.startedAt ?? now;
      conversation.lines = from.lines;
      for (const line of conversation.lines) conversation.byKey.set(line.key, line);
    }
    return conversation;
  }
}

/** @param {string} lang @returns {Text} */
function empty(lang) {
  return { lang, committed: '', pending: '', last: false };
}

/** @param {Line} line @param {string} lang @returns {Text} */
function translation(line, lang) {
  let text = line.translations.find((t) => t.lang === lang);
  if (!text) {
    text = empty(lang);
    line.translations.push(text);
  }
  return text;
}

/** Nothing more comes for this line: its grey tails go. @param {Line} line */
function settle(line) {
  for (const text of [line.source, ...line.translations]) {
    if (text) {
      text.pending = '';
      text.last = true;
    }
  }
}

/**
 * Which text of a line a person who hears `hear` reads first, and which second. One's own words: what was recognised first. The other's:
 * their translation first; their own words when they speak what this person hears.
 * @param {Line} line @param {string} hear
 * @returns {{main: Text | null, second: Text | null}}
 */
export function reading(line, hear) {
  const translated = line.translations.find((t) => t.lang === hear) ?? line.translations[0] ?? null;
  if (line.mine) return { main: line.source, second: line.translations[0] ?? null };
  if (translated) return { main: translated, second: line.source };
  if (line.source?.lang === hear) return { main: line.source, second: null };
  return { main: null, second: line.source };
}

/**
 * True when the line is over and nobody said anything: what was shown in grey was noise, or what the other's loudspeaker said.
 * @param {Line} line
 */
export function isBlank(line) {
  return line.failed === null && line.source?.last === true && !hasWords(line);
}

/** True when the line has words to show. @param {Line} line */
export function hasWords(line) {
  return [line.source, ...line.translations].some((t) => t && (t.committed + t.pending).trim() !== '');
}
