/**
 * @file Opus in whichever way this browser can: WebCodecs where it encodes or decodes Opus, libopus in a worker elsewhere.
 *
 * Both ways look the same from outside: blocks of 960 samples (48 kHz mono, 20 ms) and packets. Owns codec objects and the worker; knows
 * nothing of microphones, streams or the network. Used by `capture.js` and `playback.js`.
 */

/** @import { EncoderSettings } from './libopus.js' */
/** @import { Reply, Request } from './codec-worker.js' */
/** @typedef {'webcodecs'|'wasm'} CodecKind */
/**
 * @template Tag
 * @typedef {{kind: CodecKind, encode(samples: Float32Array<ArrayBuffer>, tag: Tag): void, close(): void}} Encoder
 * `encode` takes the samples' buffer away from the caller.
 */
/**
 * @typedef {object} Decoder
 * @property {CodecKind} kind
 * @property {(payload: Uint8Array) => void} decode
 * @property {(count: number, next: Uint8Array) => void} conceal packets lost before `next`
 * @property {() => Promise<void>} finish resolves when everything has come out; closes it
 */
/**
 * @typedef {object} DecoderHandlers
 * @property {(samples: Float32Array<ArrayBuffer>) => void} onSamples in order
 * @property {(count: number) => void} onGap this many samples are unknown: the player makes them up
 */

const RATE = 48_000;
export const BLOCK = 960;
const PACKET_US = 20_000;
/** Longer than any encoder needs, and than two blocks are apart. */
const HELD_BACK_MS = 100;

/** 24 kbit/s of speech are 3 KiB/s; complexity 5 costs a phone 1 % of a core; loss concealment is for networks that drop 5 %. */
const SETTINGS = /** @type {EncoderSettings} */ ({ bitrate: 24_000, complexity: 5, lossPercent: 5 });

/** @type {AudioEncoderConfig} */
const ENCODER_CONFIG = {
  codec: 'opus',
  sampleRate: RATE,
  numberOfChannels: 1,
  bitrate: SETTINGS.bitrate,
  bitrateMode: 'variable',
  opus: /** @type {any} */ ({
    format: 'opus',
    frameDuration: PACKET_US,
    complexity: SETTINGS.complexity,
    packetlossperc: SETTINGS.lossPercent,
    useinbandfec: true,
    // Encoders drop such packets without a word, and then nobody knows which was the last one: `gate.js` does it.
    usedtx: false,
    application: 'voip',
    signal: 'voice',
  }),
};

/** @type {AudioDecoderConfig} */
const DECODER_CONFIG = { codec: 'opus', sampleRate: RATE, numberOfChannels: 1 };

/**
 * Samples at 48 kHz that a packet holds, from its first bytes (RFC 6716, section 3.1); 0 when they say nothing sensible.
 * @param {Uint8Array} packet
 */
export function packetSamples(packet) {
  if (packet.length === 0) return 0;
  const configuration = packet[0] >> 3;
  const frames = [1, 2, 2, (packet[1] ?? 0) & 0x3f][packet[0] & 3];
  let samples = [480, 960, 1920, 2880][configuration & 3];
  if (configuration >= 16) samples = 120 << (configuration & 3);
  else if (configuration >= 12) samples = [480, 960][configuration & 1];
  return samples * frames;
}

/** @param {() => Promise<{supported?: boolean}>} ask */
async function supported(ask) {
  try {
    return (await ask()).supported === true;
  } catch {
    return false;
  }
}

/**
 * @param {boolean} forceWasm
 * @returns {Promise<CodecKind>}
 */
export async function encoderKind(forceWasm) {
  if (forceWasm || typeof AudioEncoder === 'undefined') return 'wasm';
  return (await supported(() => AudioEncoder.isConfigSupported(ENCODER_CONFIG))) ? 'webcodecs' : 'wasm';
}

/**
 * @param {boolean} forceWasm
 * @returns {Promise<CodecKind>}
 */
export async function decoderKind(forceWasm) {
  if (forceWasm || typeof AudioDecoder === 'undefined') return 'wasm';
  return (await supported(() => AudioDecoder.isConfigSupported(DECODER_CONFIG))) ? 'webcodecs' : 'wasm';
}

/**
 * An encoder; when the browser's own breaks, libopus takes over with the next block.
 * @template Tag
 * @param {CodecKind} kind
 * @param {(packet: Uint8Array<ArrayBuffer>, tag: Tag) => void} onPacket in order
 * @returns {Encoder<Tag>}
 */
export function createEncoder(kind, onPacket) {
  if (kind === 'wasm') return wasmEncoder(onPacket);
  let inner = webCodecsEncoder(onPacket, () => {
    inner = wasmEncoder(onPacket);
  });
  return {
    get kind() {
      return inner.kind;
    },
    encode: (samples, tag) => inner.encode(samples, tag),
    close: () => inner.close(),
  };
}

/**
 * @param {CodecKind} kind
 * @param {DecoderHandlers} handlers
 * @returns {Decoder}
 */
export function createDecoder(kind, handlers) {
  return kind === 'wasm' ? wasmDecoder(handlers) : webCodecsDecoder(handlers);
}

/** Starts the worker, so that the first word does not wait for it. */
export function warmUp() {
  worker();
}

/**
 * @template Tag
 * @param {(packet: Uint8Array<ArrayBuffer>, tag: Tag) => void} onPacket
 * @param {() => void} onBroken
 * @returns {Encoder<Tag>}
 */
function webCodecsEncoder(onPacket, onBroken) {
  /** @type {Tag[]} */
  const tags = [];
  let broken = false;
  let timestamp = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const fail = () => {
    if (broken) return;
    broken = true;
    clearTimeout(timer);
    if (encoder.state !== 'closed') encoder.close();
    onBroken();
  };
  const encoder = new AudioEncoder({
    output: (chunk) => {
      const packet = new Uint8Array(chunk.byteLength);
      chunk.copyTo(packet);
      const tag = tags.shift();
      // What a flush pads belongs to no block.
      if (tag === undefined) return;
      // An encoder that ignores the frame duration would speak at the wrong speed.
      if (packetSamples(packet) !== BLOCK) fail();
      else onPacket(packet, tag);
    },
    error: fail,
  });
  encoder.configure(ENCODER_CONFIG);
  return {
    kind: 'webcodecs',
    encode: (samples, tag) => {
      if (broken) return;
      tags.push(tag);
      // The encoder's own time has no pauses; what was left out is in the tag.
      const data = new AudioData({
        format: 'f32-planar',
        sampleRate: RATE,
        numberOfFrames: samples.length,
        numberOfChannels: 1,
        timestamp,
        data: samples,
      });
      timestamp += PACKET_US;
      encoder.encode(data);
      data.close();
      // Some encoders hold a packet back until the next block comes; after the last one of an utterance none does.
      clearTimeout(timer);
      timer = setTimeout(() => tags.length > 0 && encoder.flush().catch(fail), HELD_BACK_MS);
    },
    close: () => {
      if (broken) return;
      clearTimeout(timer);
      encoder.flush().then(() => encoder.state !== 'closed' && encoder.close(), () => {});
    },
  };
}

/**
 * @param {DecoderHandlers} handlers
 * @returns {Decoder}
 */
function webCodecsDecoder({ onSamples, onGap }) {
  /** What is to come out: a packet's samples (0), or this many unknown ones. @type {number[]} */
  const expected = [];
  let timestamp = 0;
  const gaps = () => {
    while (expected.length > 0 && expected[0] > 0) onGap(/** @type {number} */ (expected.shift()));
  };
  const make = () => {
    const decoder = new AudioDecoder({
      output: (data) => {
        const samples = new Float32Array(data.numberOfFrames);
        data.copyTo(samples, { planeIndex: 0, format: 'f32-planar' });
        data.close();
        expected.shift();
        onSamples(samples);
        gaps();
      },
      // A packet that is not Opus closes a decoder: what it still had is lost, the next packet gets a new one.
      error: () => {
        for (const gap of expected.splice(0)) onGap(gap || BLOCK);
      },
    });
    decoder.configure(DECODER_CONFIG);
    return decoder;
  };
  let decoder = make();
  return {
    kind: 'webcodecs',
    decode: (payload) => {
      if (decoder.state === 'closed') decoder = make();
      expected.push(0);
      decoder.decode(new EncodedAudioChunk({ type: 'key', timestamp, duration: PACKET_US, data: payload }));
      timestamp += PACKET_US;
    },
    conceal: (count) => {
      expected.push(count * BLOCK);
      timestamp += count * PACKET_US;
      if (expected.length === 1) gaps();
    },
    finish: async () => {
      try {
        await decoder.flush();
      } catch {
        // Closed by an error: everything that can come has come.
      }
      if (decoder.state !== 'closed') decoder.close();
    },
  };
}

/** @type {Worker | null} */
let sharedWorker = null;
let lastId = 0;
/** Who gets the worker's answers. @type {Map<number, (reply: Reply) => void>} */
const listeners = new Map();

function worker() {
  if (!sharedWorker) {
    sharedWorker = new Worker(new URL('./codec-worker.js', import.meta.url), { type: 'module', name: 'opus' });
    sharedWorker.onmessage = (/** @type {MessageEvent<Reply>} */ { data }) => listeners.get(data.id)?.(data);
  }
  return sharedWorker;
}

/** @param {Request} request @param {ArrayBuffer[]} [moved] */
function ask(request, moved = []) {
  worker().postMessage(request, moved);
}

/**
 * @template Tag
 * @param {(packet: Uint8Array<ArrayBuffer>, tag: Tag) => void} onPacket
 * @returns {Encoder<Tag>}
 */
function wasmEncoder(onPacket) {
  const id = (lastId += 1);
  /** @type {Tag[]} */
  const tags = [];
  listeners.set(id, (reply) => {
    if (reply.is === 'finished') listeners.delete(id);
    if (reply.is !== 'packet' && reply.is !== 'error') return;
    const tag = /** @type {Tag} */ (tags.shift());
    if (reply.is === 'packet') onPacket(reply.payload, tag);
  });
  ask({ op: 'encoder', id, settings: SETTINGS });
  return {
    kind: 'wasm',
    encode: (samples, tag) => {
      tags.push(tag);
      ask({ op: 'encode', id, samples }, [samples.buffer]);
    },
    close: () => {
      ask({ op: 'finish', id });
      ask({ op: 'free', id });
    },
  };
}

/**
 * @param {DecoderHandlers} handlers
 * @returns {Decoder}
 */
function wasmDecoder({ onSamples }) {
  const id = (lastId += 1);
  /** @type {() => void} */
  let finished = () => {};
  listeners.set(id, (reply) => {
    if (reply.is === 'samples') onSamples(reply.samples);
    if (reply.is === 'finished') finished();
  });
  ask({ op: 'decoder', id });
  return {
    kind: 'wasm',
    // Copied, not moved: packets are kept to be heard again.
    decode: (payload) => ask({ op: 'decode', id, payload: payload.slice() }),
    conceal: (count, next) => ask({ op: 'conceal', id, count, next: next.slice() }),
    finish: async () => {
      const end = new Promise((/** @type {(value?: undefined) => void} */ resolve) => {
        finished = resolve;
      });
      ask({ op: 'finish', id });
      await end;
      ask({ op: 'free', id });
      listeners.delete(id);
    },
  };
}
