/**
 * @file Decides which blocks of the microphone are worth sending, so that silence costs nothing: discontinuous transmission.
 *
 * Pure: levels of 20 ms blocks in, decisions out. It is generous on purpose: the server finds out where speech begins and ends, this only
 * leaves out what certainly is none. One gate for both codecs, because WebCodecs encoders do not say what their own DTX left out.
 * Called by `capture.js`.
 */

/** Blocks sent from before the one that opened the gate: 300 ms. The server keeps 256 ms from before its first voiced window. */
export const PRE_ROLL = 15;

/** Blocks sent after the last loud one: 900 ms. The server ends an utterance after 416 to 800 ms of silence and should hear it. */
export const HANGOVER = 45;

/** Nothing under this is speech into a phone; microphones' own noise is at -70 to -90 dBFS. */
const FLOOR_DB = -62;
/** Loud enough to be speech whatever the noise: a merchant in a noisy hall is not kept waiting by the estimate. */
const CERTAIN_DB = -32;
/** Speech stands this far above the noise that surrounds it. */
const ABOVE_NOISE_DB = 8;
/** The estimate of the noise rises by 3 dB a second and falls at once: speech is too short and too full of holes to lift it much. */
const RISE_DB = 3 / 50;

/** @typedef {{open: boolean, first: boolean, last: boolean, speaking: boolean}} Decision */

export class Gate {
  #noiseDb = FLOOR_DB;
  #quiet = HANGOVER;
  #open = false;

  /** Whether blocks are being sent. */
  get open() {
    return this.#open;
  }

  /**
   * Judges the next block.
   * @param {number} db level of the block, RMS in dBFS
   * @returns {Decision} `first`: send the pre-roll before this block; `last`: send this block and then no more
   */
  push(db) {
    this.#noiseDb = Math.min(Math.max(db, -96), this.#noiseDb + RISE_DB);
    const threshold = Math.max(FLOOR_DB, Math.min(CERTAIN_DB, this.#noiseDb + ABOVE_NOISE_DB));
    const speaking = db >= threshold;
    this.#quiet = speaking ? 0 : this.#quiet + 1;
    const first = speaking && !this.#open;
    if (first) this.#open = true;
    const last = this.#open && this.#quiet >= HANGOVER;
    const open = this.#open;
    if (last) this.#open = false;
    return { open, first, last, speaking };
  }

  /** Closes it, as after a mute. */
  close() {
    this.#open = false;
    this.#quiet = HANGOVER;
  }
}

/**
 * RMS level in dBFS; digital silence is -96.
 * @param {Float32Array} samples
 */
export function level(samples) {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return Math.max(-96, 10 * Math.log10(sum / Math.max(1, samples.length) + 1e-12));
}
