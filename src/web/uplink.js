/**
 * @file The microphone's packets on their way up: numbered, kept for a while, paced.
 *
 * Pure: time is an argument, what leaves is returned. It knows nothing of sockets. `connection.js` asks it what to send now, and after a
 * lost connection tells it from which number on the server still needs packets.
 */
import { TICKS_PER_PACKET, ahead, encodeFrame } from './protocol.js';

/** 15 s of packets: what the server takes after a resumption. Older speech would be interpreted long after the talk moved on. */
export const KEPT_PACKETS = 750;

/** The server takes 500 packets at once and 100 a second; below both, so that none of what was kept is dropped there. */
const BURST = 400;
const PER_SECOND = 90;

/** @typedef {{first?: boolean, last?: boolean, silence?: boolean, timestamp?: number}} PacketFlags */

export class Uplink {
  /** @type {{sequence: number, bytes: Uint8Array<ArrayBuffer>}[]} */
  #kept = [];
  /** Number of the next packet that is to leave; everything before it was handed to a socket. */
  #unsent;
  #tokens = BURST;
  #filledAt = 0;

  /** @param {{sequence?: number, timestamp?: number}} [from] where an earlier page stopped */
  constructor({ sequence = 0, timestamp = 0 } = {}) {
    this.sequence = sequence >>> 0;
    this.timestamp = timestamp >>> 0;
    this.#unsent = this.sequence;
  }

  /** How many packets are kept. */
  get size() {
    return this.#kept.length;
  }

  /**
   * Takes a packet from the encoder.
   * @param {Uint8Array} payload
   * @param {PacketFlags} flags `timestamp` in 48 kHz ticks where silence was left out; by default the packet follows the last one
   */
  push(payload, { first = false, last = false, silence = false, timestamp = this.timestamp }) {
    const sequence = this.sequence;
    const frame = { kind: /** @type {const} */ ('up'), first, last, silence, stream: 0, sequence, timestamp: timestamp >>> 0, payload };
    this.#kept.push({ sequence, bytes: encodeFrame(frame) });
    if (this.#kept.length > KEPT_PACKETS) this.#kept.shift();
    this.sequence = (sequence + 1) >>> 0;
    this.timestamp = (timestamp + TICKS_PER_PACKET) >>> 0;
  }

  /**
   * The server needs everything from this number on, as far as it is kept.
   * @param {number} sequence
   */
  rewind(sequence) {
    // A number from the future is a mistake of the server: then nothing is sent twice.
    if (ahead(sequence, this.sequence) <= 0) this.#unsent = sequence >>> 0;
  }

  /**
   * What to send now, in order.
   * @param {number} now milliseconds
   * @returns {Uint8Array<ArrayBuffer>[]}
   */
  take(now) {
    this.#tokens = Math.min(BURST, this.#tokens + (Math.max(0, now - this.#filledAt) * PER_SECOND) / 1000);
    this.#filledAt = now;
    const due = [];
    for (const { sequence, bytes } of this.#kept.slice(this.#firstUnsent())) {
      if (this.#tokens < 1) break;
      this.#tokens -= 1;
      due.push(bytes);
      this.#unsent = (sequence + 1) >>> 0;
    }
    return due;
  }

  /** Milliseconds until {@link take} has more to give; null when all has left. */
  waitMs() {
    if (this.#firstUnsent() >= this.#kept.length) return null;
    return Math.max(0, Math.ceil(((1 - this.#tokens) * 1000) / PER_SECOND));
  }

  #firstUnsent() {
    let index = this.#kept.length;
    // What is unsent is at the end and mostly empty or one packet.
    while (index > 0 && ahead(this.#kept[index - 1].sequence, this.#unsent) >= 0) index -= 1;
    return index;
  }
}
