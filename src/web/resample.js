/**
 * @file Changes the sample rate of a stream of mono sound: windowed sinc, continuous over any block size.
 *
 * Pure; runs inside both audio worklets. Microphones run at 44.1 kHz, or at 16 kHz over Bluetooth; Opus and our players want 48 kHz.
 */

/** Taps on each side: 16 keep what is audible of speech below -60 dB of error and delay it by a third of a millisecond. */
const HALF = 16;
/** Positions between two samples for which taps are computed ahead; between them taps are interpolated. */
const PHASES = 256;
/** Shape of the Kaiser window: about 80 dB of attenuation. */
const BETA = 8;

/** Modified Bessel function of the first kind, order 0. @param {number} x */
function bessel(x) {
  let [sum, term] = [1, 1];
  for (let k = 1; term > sum * 1e-12; k += 1) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

/**
 * Taps for each phase, and one phase more so that interpolation needs no wrap.
 * @param {number} cutoff of the lower Nyquist rate, relative to the input's
 * @param {number} half taps on each side
 */
function kernel(cutoff, half) {
  const taps = new Float32Array((PHASES + 1) * 2 * half);
  for (let phase = 0; phase <= PHASES; phase += 1) {
    let sum = 0;
    const row = taps.subarray(phase * 2 * half, (phase + 1) * 2 * half);
    for (let tap = 0; tap < 2 * half; tap += 1) {
      const x = tap - half + 1 - phase / PHASES;
      const window = Math.abs(x) < half ? bessel(BETA * Math.sqrt(1 - (x / half) ** 2)) / bessel(BETA) : 0;
      row[tap] = (x === 0 ? cutoff : Math.sin(Math.PI * cutoff * x) / (Math.PI * x)) * window;
      sum += row[tap];
    }
    // Unity at 0 Hz in every phase: otherwise the phases' differences are heard as a whistle.
    for (let tap = 0; tap < 2 * half; tap += 1) row[tap] /= sum;
  }
  return taps;
}

export class Resampler {
  #step;
  #half;
  #taps;
  /** Input not yet used up; the first `#half - 1` samples are history. */
  #input;
  #filled;
  /** Position of the next output sample in `#input`. */
  #position;

  /**
   * @param {number} from Hz
   * @param {number} to Hz
   */
  constructor(from, to) {
    this.#step = from / to;
    // Down: a lower cutoff needs a longer window for the same steepness.
    this.#half = Math.ceil(HALF * Math.max(1, this.#step));
    this.#taps = kernel(Math.min(1, 1 / this.#step) * 0.95, this.#half);
    this.#input = new Float32Array(4096);
    this.#filled = this.#half - 1;
    this.#position = this.#half - 1;
  }

  /**
   * Takes a block; gives the samples that are ready, in a new array.
   * @param {Float32Array} block
   * @returns {Float32Array<ArrayBuffer>}
   */
  push(block) {
    if (this.#step === 1) return block.slice();
    const half = this.#half;
    if (this.#filled + block.length > this.#input.length) {
      const larger = new Float32Array(2 * (this.#filled + block.length));
      larger.set(this.#input.subarray(0, this.#filled));
      this.#input = larger;
    }
    this.#input.set(block, this.#filled);
    this.#filled += block.length;
    const count = Math.max(0, Math.ceil((this.#filled - half - this.#position) / this.#step));
    const out = new Float32Array(count);
    for (let i = 0; i < count; i += 1) {
      out[i] = this.#at(this.#position);
      this.#position += this.#step;
    }
    const used = Math.min(Math.floor(this.#position) - half + 1, this.#filled);
    if (used > 0) {
      this.#input.copyWithin(0, used, this.#filled);
      this.#filled -= used;
      this.#position -= used;
    }
    return out;
  }

  /** @param {number} position */
  #at(position) {
    const whole = Math.floor(position);
    const exact = (position - whole) * PHASES;
    const phase = Math.floor(exact);
    const between = exact - phase;
    const width = 2 * this.#half;
    const row = phase * width;
    const start = whole - this.#half + 1;
    let [low, high] = [0, 0];
    for (let tap = 0; tap < width; tap += 1) {
      const sample = this.#input[start + tap];
      low += sample * this.#taps[row + tap];
      high += sample * this.#taps[row + width + tap];
    }
    return low + (high - low) * between;
  }
}
