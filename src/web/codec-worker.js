/**
 * @file The worker that runs libopus, so that neither the page nor its sound waits for a codec.
 *
 * Speaks the messages of {@link Request} and {@link Reply} with `opus.js`; each encoder and decoder has an `id` of the caller's. A bad
 * packet is an answer (concealed), a broken codec an `error` for that `id`.
 */
import { Libopus } from './libopus.js';

/** @import { EncoderSettings } from './libopus.js' */
/**
 * @typedef {{op: 'encoder', id: number, settings: EncoderSettings}
 *   | {op: 'decoder', id: number}
 *   | {op: 'encode', id: number, samples: Float32Array<ArrayBuffer>}
 *   | {op: 'decode', id: number, payload: Uint8Array<ArrayBuffer>}
 *   | {op: 'conceal', id: number, count: number, next: Uint8Array<ArrayBuffer> | null}
 *   | {op: 'finish', id: number}
 *   | {op: 'free', id: number}} Request
 */
/**
 * @typedef {{is: 'packet', id: number, payload: Uint8Array<ArrayBuffer>}
 *   | {is: 'samples', id: number, samples: Float32Array<ArrayBuffer>}
 *   | {is: 'finished', id: number}
 *   | {is: 'error', id: number}} Reply
 */

const loading = Libopus.load(fetch(new URL('./vendor/libopus.wasm', import.meta.url)));
/** @type {Map<number, ReturnType<Libopus['encoder']>>} */
const encoders = new Map();
/** @type {Map<number, ReturnType<Libopus['decoder']>>} */
const decoders = new Map();

/** @param {Reply} reply @param {ArrayBuffer[]} [moved] */
function answer(reply, moved = []) {
  self.postMessage(reply, { transfer: moved });
}

/**
 * @param {number} id
 * @param {Float32Array<ArrayBuffer>} samples
 */
function answerSamples(id, samples) {
  answer({ is: 'samples', id, samples }, [samples.buffer]);
}

/**
 * @param {Libopus} libopus
 * @param {Request} request
 */
function perform(libopus, request) {
  const { id } = request;
  switch (request.op) {
    case 'encoder':
      encoders.set(id, libopus.encoder(request.settings));
      break;
    case 'decoder':
      decoders.set(id, libopus.decoder());
      break;
    case 'encode': {
      const payload = encoders.get(id)?.encode(request.samples);
      if (payload) answer({ is: 'packet', id, payload }, [payload.buffer]);
      break;
    }
    case 'decode': {
      const decoder = decoders.get(id);
      if (decoder) answerSamples(id, decodeOrConceal(decoder, request.payload));
      break;
    }
    case 'conceal': {
      const samples = decoders.get(id)?.conceal(request.count, request.next);
      if (samples) answerSamples(id, samples);
      break;
    }
    case 'finish':
      answer({ is: 'finished', id });
      break;
    case 'free':
      encoders.get(id)?.free();
      decoders.get(id)?.free();
      encoders.delete(id);
      decoders.delete(id);
      break;
  }
}

/**
 * @param {ReturnType<Libopus['decoder']>} decoder
 * @param {Uint8Array} payload
 */
function decodeOrConceal(decoder, payload) {
  try {
    return decoder.decode(payload);
  } catch {
    return decoder.conceal(1, null);
  }
}

self.onmessage = async (/** @type {MessageEvent<Request>} */ { data }) => {
  try {
    perform(await loading, data);
  } catch {
    answer({ is: 'error', id: data.id });
  }
};
