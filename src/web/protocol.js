/**
 * @file The wire: binary audio frames and the server's control messages, as `proto/` specifies them.
 *
 * Pure: bytes and text in, objects out; no socket, no audio. Whatever the server sends is checked here, so that the rest of the page
 * may trust the shape of what it gets. Called by `connection.js`; `tests/web/unit/protocol.test.js` runs the golden vectors over it.
 */

/** The protocol's version, in the subprotocol, in `hello` and in each frame. */
export const VERSION = 1;

/** WebSocket subprotocol. */
export const SUBPROTOCOL = 'tongchuan.v1';

/** Bytes before the Opus packet. */
export const HEADER_BYTES = 12;

/** The most that one Opus frame can need (RFC 6716, section 3.2.1). */
export const MAX_PAYLOAD_BYTES = 1276;

/** 48 kHz ticks (and samples) of one packet of 20 ms. */
export const TICKS_PER_PACKET = 960;

const FIRST = 1;
const LAST = 2;
const SILENCE = 4;

/** @typedef {'truncated'|'too_long'|'unsupported_version'|'unknown_kind'|'empty'|'wrong_direction'} FrameFault */

/**
 * @typedef {object} Frame
 * @property {'up'|'down'} kind
 * @property {boolean} first
 * @property {boolean} last
 * @property {boolean} silence
 * @property {number} stream 0 to 65535
 * @property {number} sequence unsigned 32 bits
 * @property {number} timestamp unsigned 32 bits, 48 kHz ticks
 * @property {Uint8Array} payload one Opus packet
 */

/** The bytes are not a frame of this version. */
export class FrameError extends Error {
  /** @param {FrameFault} fault */
  constructor(fault) {
    super(`not a frame: ${fault}`);
    this.name = 'FrameError';
    this.fault = fault;
  }
}

/**
 * Writes a frame; reserved flags are zero.
 * @param {Frame} frame
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function encodeFrame(frame) {
  const size = frame.payload.byteLength;
  if (size === 0) throw new FrameError('empty');
  if (size > MAX_PAYLOAD_BYTES) throw new FrameError('too_long');
  const bytes = new Uint8Array(HEADER_BYTES + size);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, (VERSION << 4) | (frame.kind === 'up' ? 0 : 1));
  view.setUint8(1, (frame.first ? FIRST : 0) | (frame.last ? LAST : 0) | (frame.silence ? SILENCE : 0));
  view.setUint16(2, frame.stream);
  view.setUint32(4, frame.sequence);
  view.setUint32(8, frame.timestamp);
  bytes.set(frame.payload, HEADER_BYTES);
  return bytes;
}

/**
 * Reads a frame. The payload is a view into `bytes`, not a copy.
 * @param {Uint8Array} bytes
 * @returns {Frame}
 * @throws {FrameError}
 */
export function decodeFrame(bytes) {
  if (bytes.byteLength < HEADER_BYTES) throw new FrameError('truncated');
  if (bytes.byteLength > HEADER_BYTES + MAX_PAYLOAD_BYTES) throw new FrameError('too_long');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const head = view.getUint8(0);
  if (head >> 4 !== VERSION) throw new FrameError('unsupported_version');
  const kind = head & 0x0f;
  if (kind > 1) throw new FrameError('unknown_kind');
  const payload = bytes.subarray(HEADER_BYTES);
  if (payload.byteLength === 0) throw new FrameError('empty');
  const flags = view.getUint8(1);
  return {
    kind: kind === 0 ? 'up' : 'down',
    first: (flags & FIRST) !== 0,
    last: (flags & LAST) !== 0,
    silence: (flags & SILENCE) !== 0,
    stream: view.getUint16(2),
    sequence: view.getUint32(4),
    timestamp: view.getUint32(8),
    payload,
  };
}

/**
 * How far `a` is ahead of `b` (negative: behind), across the wrap-around of 32-bit counters.
 * @param {number} a
 * @param {number} b
 */
export function ahead(a, b) {
  return (a - b) | 0;
}

/** @typedef {'merchant'|'buyer'} Role */
/** @typedef {{participant: number, role: Role, name?: string, speak: string, hear: string}} Participant */
/**
 * @typedef {object} Limits
 * @property {number} text_bytes
 * @property {number} frame_bytes
 * @property {number} messages_per_second
 * @property {number} silence_ms
 * @property {number} bad_messages
 * @property {number} room_capacity
 */
/** @typedef {Record<string, number>} Times milliseconds per stage, for those who measure */
/** @typedef {{kind: string, value: string, unit?: string, about?: boolean, verified?: boolean, doubtful?: boolean}} Amount */

/** @typedef {{type: 'welcome', version: number, session: number, room: string, participant: number, role: Role, resume: string,
 *   token?: string, resumed?: {packets: number}, others: Participant[], limits: Limits, languages: string[]}} Welcome */
/** @typedef {{type: 'joined'} & Participant} Joined */
/** @typedef {{type: 'left', participant: number, reason: string}} Left */
/** @typedef {{type: 'away', participant: number}} Away */
/** @typedef {{type: 'back', participant: number}} Back */
/** @typedef {{type: 'caption', utterance: number, speaker: number, lang: string, kind: 'source'|'translation', committed: string,
 *   pending: string, last: boolean, times?: Times}} Caption */
/** @typedef {{type: 'speech_start', utterance: number, speaker: number, lang: string, stream: number, times?: Times}} SpeechStart */
/** @typedef {{type: 'speech_end', utterance: number, stream: number}} SpeechEnd */
/** @typedef {{type: 'numbers', utterance: number, speaker: number, lang: string, verified?: boolean, numbers: Amount[]}} Numbers */
/** @typedef {{type: 'notice', code: string, text: string}} Notice */
/** @typedef {{type: 'error', code: string, text: string, fatal: boolean, retry_after?: number, utterance?: number}} Fault */
/** @typedef {{type: 'pong', id: number}} Pong */
/** @typedef {{type: 'invitation', role: Role, token: string, expires_in: number}} Invitation */
/** @typedef {Welcome|Joined|Left|Away|Back|Caption|SpeechStart|SpeechEnd|Numbers|Notice|Fault|Pong|Invitation} ServerMessage */

/** @typedef {(value: unknown) => boolean} Check */

/** @type {Check} */
const isNumber = (value) => typeof value === 'number' && Number.isFinite(value) && value >= 0;
/** @type {Check} */
const isText = (value) => typeof value === 'string';
/** @type {Check} */
const isFlag = (value) => typeof value === 'boolean';
/** @param {Check} check @returns {Check} */
const optional = (check) => (value) => value === undefined || value === null || check(value);
/** @param {...string} texts @returns {Check} */
const oneOf = (...texts) => (value) => texts.includes(/** @type {string} */ (value));
/** @param {Check} check @returns {Check} */
const listOf = (check) => (value) => Array.isArray(value) && value.every(check);
/** @param {Record<string, Check>} shape @returns {Check} */
const object = (shape) => (value) =>
  typeof value === 'object' &&
  value !== null &&
  Object.entries(shape).every(([field, check]) => check(/** @type {Record<string, unknown>} */ (value)[field]));

const role = oneOf('merchant', 'buyer');
/** @type {Record<string, Check>} */
const participant = { participant: isNumber, role, name: optional(isText), speak: isText, hear: isText };

/** @type {Map<string, Check>} */
const SHAPES = new Map([
  [
    'welcome',
    object({
      version: isNumber,
      session: isNumber,
      room: isText,
      participant: isNumber,
      role,
      resume: isText,
      token: optional(isText),
      resumed: optional(object({ packets: isNumber })),
      others: listOf(object(participant)),
      limits: object({}),
      languages: listOf(isText),
    }),
  ],
  ['joined', object(participant)],
  ['left', object({ participant: isNumber, reason: isText })],
  ['away', object({ participant: isNumber })],
  ['back', object({ participant: isNumber })],
  [
    'caption',
    object({
      utterance: isNumber,
      speaker: isNumber,
      lang: isText,
      kind: oneOf('source', 'translation'),
      committed: isText,
      pending: isText,
      last: isFlag,
    }),
  ],
  ['speech_start', object({ utterance: isNumber, speaker: isNumber, lang: isText, stream: isNumber })],
  ['speech_end', object({ utterance: isNumber, stream: isNumber })],
  [
    'numbers',
    object({
      utterance: isNumber,
      speaker: isNumber,
      numbers: listOf(object({ kind: isText, value: isText, unit: optional(isText) })),
    }),
  ],
  ['notice', object({ code: isText, text: isText })],
  [
    'error',
    object({ code: isText, text: isText, fatal: isFlag, retry_after: optional(isNumber), utterance: optional(isNumber) }),
  ],
  ['pong', object({ id: isNumber })],
  ['invitation', object({ role, token: isText, expires_in: isNumber })],
]);

/**
 * Reads a control message of the server. Unknown fields stay, unknown types and malformed messages give null: a later revision may send
 * them, and a page must not stumble over them.
 * @param {string} text
 * @returns {ServerMessage | null}
 */
export function parseServerMessage(text) {
  let message;
  try {
    message = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof message !== 'object' || message === null || typeof message.type !== 'string') return null;
  return SHAPES.get(message.type)?.(message) ? /** @type {ServerMessage} */ (message) : null;
}

/** @typedef {'female'|'male'} Voice */
/**
 * What the person chose; becomes `hello`.
 * @typedef {object} Hello
 * @property {string} room
 * @property {string} [token] join token of the role
 * @property {Role} [role]
 * @property {string} [name]
 * @property {string} speak a language or `auto`
 * @property {string} hear
 * @property {Voice} voice
 */

/** @typedef {{type: 'language', speak?: string, hear?: string, voice?: Voice}} LanguageMessage */
/** @typedef {{type: 'floor', held: boolean|null}} FloorMessage */
/** @typedef {{type: 'say', lang: string, text: string}} SayMessage */
/** @typedef {LanguageMessage|FloorMessage|SayMessage|{type: 'invite'}|{type: 'ping', id: number}|{type: 'bye'}} ClientMessage */
