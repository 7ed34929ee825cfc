/**
 * @file Durations that the client adds to the conversation, kept for the browser tests and for diagnosis.
 *
 * Pure. Holds numbers only, nothing of what was said. Filled by `capture.js` and `playback.js`.
 */

/** Enough for the median and the tail of a long talk, little enough to sort at leisure. */
const KEPT = 500;

export class Durations {
  /** @type {number[]} */
  #values = [];
  count = 0;

  /** @param {number} ms */
  add(ms) {
    this.count += 1;
    this.#values.push(ms);
    if (this.#values.length > KEPT) this.#values.shift();
  }

  /**
   * The value that `percent` of the kept ones do not exceed; null without any.
   * @param {number} percent 0 to 100
   */
  percentile(percent) {
    if (this.#values.length === 0) return null;
    const sorted = [...this.#values].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.ceil((percent / 100) * sorted.length) - 1)] ?? sorted[0];
  }

  summary() {
    return { count: this.count, p50: this.percentile(50), p95: this.percentile(95), max: this.percentile(100) };
  }

  toJSON() {
    return this.summary();
  }
}
