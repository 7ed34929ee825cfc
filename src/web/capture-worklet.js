/**
 * @file Runs in the audio thread: the microphone at the device's rate becomes blocks of 20 ms at 48 kHz, mono.
 *
 * It knows nothing of codecs or levels. `capture.js` gets each block as {@link Block} over the port.
 */
import { Resampler } from './resample.js';

/** @typedef {{samples: Float32Array<ArrayBuffer>, at: number}} Block `at`: `Date.now()` when the block was complete */

const RATE = 48_000;
const BLOCK = 960;

class Microphone extends AudioWorkletProcessor {
  #resampler = new Resampler(sampleRate, RATE);
  #block = new Float32Array(BLOCK);
  #filled = 0;

  /** @param {Float32Array[][]} inputs */
  process([channels]) {
    const [first] = channels;
    // Without a source (it is being replaced) there is no channel.
    if (first) this.#take(this.#resampler.push(first));
    return true;
  }

  /** @param {Float32Array} samples */
  #take(samples) {
    let read = 0;
    while (read < samples.length) {
      const count = Math.min(BLOCK - this.#filled, samples.length - read);
      this.#block.set(samples.subarray(read, read + count), this.#filled);
      this.#filled += count;
      read += count;
      if (this.#filled === BLOCK) {
        this.port.postMessage({ samples: this.#block, at: Date.now() }, [this.#block.buffer]);
        this.#block = new Float32Array(BLOCK);
        this.#filled = 0;
      }
    }
  }
}

registerProcessor('microphone', Microphone);
