/**
 * @file Runs in the audio thread: hands the {@link Player}'s sound to the device, block by block.
 *
 * Told by `playback.js` over the port what to play ({@link Order}), answers with what happened ({@link Report}).
 */
import { Player } from './jitter.js';
import { Resampler } from './resample.js';

/** @import { PlayerEvent } from './jitter.js' */
/**
 * @typedef {{do: 'open', id: number} | {do: 'push', id: number, samples: Float32Array<ArrayBuffer>} | {do: 'gap', id: number, count: number}
 *   | {do: 'close', id: number} | {do: 'clear'}} Order
 */
/** @typedef {PlayerEvent & {at: number, idle: boolean, delayMs: number}} Report `at`: `Date.now()` when its samples were handed over */

const RATE = 48_000;

class Loudspeaker extends AudioWorkletProcessor {
  #player = new Player(sampleRate);
  /** One per stream, where the device runs at another rate than Opus. @type {Map<number, Resampler>} */
  #resamplers = new Map();

  constructor() {
    super();
    this.port.onmessage = (/** @type {MessageEvent<Order>} */ { data }) => this.#onOrder(data);
  }

  /** @param {Order} order */
  #onOrder(order) {
    switch (order.do) {
      case 'open':
        this.#player.open(order.id);
        if (sampleRate !== RATE) this.#resamplers.set(order.id, new Resampler(RATE, sampleRate));
        break;
      case 'push':
        this.#player.push(order.id, this.#resamplers.get(order.id)?.push(order.samples) ?? order.samples);
        break;
      case 'gap':
        this.#player.gap(order.id, Math.round((order.count * sampleRate) / RATE));
        break;
      case 'close':
        this.#player.close(order.id);
        this.#resamplers.delete(order.id);
        break;
      case 'clear':
        this.#player.clear();
        this.#resamplers.clear();
        break;
    }
  }

  /**
   * @param {Float32Array[][]} _inputs
   * @param {Float32Array[][]} outputs
   */
  process(_inputs, [[out]]) {
    this.#player.pull(out);
    for (const event of this.#player.events.splice(0)) {
      this.port.postMessage({ ...event, at: Date.now(), idle: this.#player.idle, delayMs: this.#player.delayMs });
    }
    return true;
  }
}

registerProcessor('loudspeaker', Loudspeaker);
