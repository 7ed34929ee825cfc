/**
 * @file libopus, called as WebAssembly: one encoder or decoder object per stream, 48 kHz mono, packets of 20 ms.
 *
 * Owns the memory traffic with `vendor/libopus.wasm` and nothing else; it knows neither workers nor streams. Runs in `codec-worker.js`,
 * and in the unit tests, which have no browser.
 */

/** Samples per packet at 48 kHz. */
const FRAME = 960;
const RATE = 48_000;
/** More than any packet of 20 ms takes. */
const PACKET_BYTES = 1276;

/** The module's exports have one-letter names; `tests/web/tools/vendor-libopus.mjs` prints this table. */
const NAMES = /** @type {const} */ ({
  initialise: 'h',
  createEncoder: 'i',
  destroyEncoder: 'j',
  encodeFloat: 'l',
  encoderCtl: 'm',
  createDecoder: 'q',
  destroyDecoder: 'r',
  decodeFloat: 't',
  versionString: 'D',
  malloc: 'E',
  free: 'F',
});

/** Requests and values of `opus_defines.h`. */
const APPLICATION_VOIP = 2048;
const SET_BITRATE = 4002;
const SET_MAX_BANDWIDTH = 4004;
const SET_COMPLEXITY = 4010;
const SET_INBAND_FEC = 4012;
const SET_PACKET_LOSS_PERCENT = 4014;
const SET_SIGNAL = 4024;
const BANDWIDTH_WIDE = 1103;
const SIGNAL_VOICE = 3001;

/** @typedef {(...values: number[]) => number} Native */
/** @typedef {{[name in keyof typeof NAMES]: Native}} Natives */
/** @typedef {{bitrate: number, complexity: number, lossPercent: number}} EncoderSettings */

export class Libopus {
  /** @type {Natives} */
  #natives;
  /** @type {WebAssembly.Memory} */
  #memory;

  /**
   * @param {Response | Promise<Response> | BufferSource} source of `vendor/libopus.wasm`
   * @returns {Promise<Libopus>}
   */
  static async load(source) {
    /** @type {WebAssembly.Memory | undefined} */
    let memory;
    const imports = {
      a: {
        // Timers and standard output are never used by the codec; growing the memory is.
        a: () => 0,
        b: (/** @type {number} */ bytes) => Number(memory !== undefined && grow(memory, bytes)),
        c: exit,
        d: () => {},
        e: () => 0,
        f: exit,
      },
    };
    const bytes = source instanceof ArrayBuffer || ArrayBuffer.isView(source) ? source : await (await source).arrayBuffer();
    const { instance } = await WebAssembly.instantiate(/** @type {BufferSource} */ (bytes), imports);
    memory = /** @type {WebAssembly.Memory} */ (instance.exports.g);
    return new Libopus(/** @type {Record<string, Native>} */ (/** @type {unknown} */ (instance.exports)), memory);
  }

  /**
   * @param {Record<string, Native>} exports
   * @param {WebAssembly.Memory} memory
   */
  constructor(exports, memory) {
    const named = Object.entries(NAMES).map(([name, letter]) => [name, exports[letter]]);
    this.#natives = Object.fromEntries(named);
    this.#memory = memory;
    this.#natives.initialise();
  }

  /** For example `libopus 1.6.1`. */
  get version() {
    const bytes = new Uint8Array(this.#memory.buffer);
    const start = this.#natives.versionString();
    return new TextDecoder().decode(bytes.slice(start, bytes.indexOf(0, start)));
  }

  /** @param {EncoderSettings} settings */
  encoder(settings) {
    return new Encoder(this.#natives, this.#memory, settings);
  }

  decoder() {
    return new Decoder(this.#natives, this.#memory);
  }
}

class Encoder {
  #natives;
  #memory;
  #state;
  #pcm;
  #packet;

  /**
   * @param {Natives} natives
   * @param {WebAssembly.Memory} memory
   * @param {EncoderSettings} settings
   */
  constructor(natives, memory, settings) {
    this.#natives = natives;
    this.#memory = memory;
    this.#state = create(natives, memory, (error) => natives.createEncoder(RATE, 1, APPLICATION_VOIP, error));
    this.#pcm = allocate(natives, FRAME * 4);
    this.#packet = allocate(natives, PACKET_BYTES);
    for (const [request, value] of [
      [SET_BITRATE, settings.bitrate],
      // Recognisers listen to 8 kHz: bits for more would be wasted, and forward error correction needs this mode.
      [SET_MAX_BANDWIDTH, BANDWIDTH_WIDE],
      [SET_COMPLEXITY, settings.complexity],
      [SET_INBAND_FEC, 1],
      [SET_PACKET_LOSS_PERCENT, settings.lossPercent],
      [SET_SIGNAL, SIGNAL_VOICE],
    ]) {
      check(natives.encoderCtl(this.#state, request, value));
    }
  }

  /**
   * @param {Float32Array} samples 960 of them
   * @returns {Uint8Array<ArrayBuffer>}
   */
  encode(samples) {
    if (samples.length !== FRAME) throw new RangeError(`a packet takes ${FRAME} samples, not ${samples.length}`);
    // Fresh views each time: growing the memory detaches old ones.
    new Float32Array(this.#memory.buffer).set(samples, this.#pcm >> 2);
    const size = check(this.#natives.encodeFloat(this.#state, this.#pcm, FRAME, this.#packet, PACKET_BYTES));
    return new Uint8Array(this.#memory.buffer).slice(this.#packet, this.#packet + size);
  }

  free() {
    this.#natives.destroyEncoder(this.#state);
    this.#natives.free(this.#pcm);
    this.#natives.free(this.#packet);
  }
}

class Decoder {
  #natives;
  #memory;
  #state;
  #pcm;
  #packet;

  /**
   * @param {Natives} natives
   * @param {WebAssembly.Memory} memory
   */
  constructor(natives, memory) {
    this.#natives = natives;
    this.#memory = memory;
    this.#state = create(natives, memory, (error) => natives.createDecoder(RATE, 1, error));
    this.#pcm = allocate(natives, FRAME * 4);
    this.#packet = allocate(natives, PACKET_BYTES);
  }

  /**
   * @param {Uint8Array} payload
   * @returns {Float32Array<ArrayBuffer>} 960 samples
   * @throws when the packet is not Opus of 20 ms
   */
  decode(payload) {
    return this.#decode(payload, false);
  }

  /**
   * Makes up what stood in `count` lost packets, the last of them from what the next packet says of it.
   * @param {number} count
   * @param {Uint8Array | null} next
   * @returns {Float32Array<ArrayBuffer>}
   */
  conceal(count, next) {
    const out = new Float32Array(count * FRAME);
    for (let i = 0; i < count; i += 1) {
      const samples = i === count - 1 && next ? this.#decode(next, true) : this.#decode(null, false);
      out.set(samples, i * FRAME);
    }
    return out;
  }

  /**
   * @param {Uint8Array | null} payload
   * @param {boolean} correcting
   */
  #decode(payload, correcting) {
    if (payload && payload.length > PACKET_BYTES) throw new RangeError('the packet is too long');
    if (payload) new Uint8Array(this.#memory.buffer).set(payload, this.#packet);
    const [pointer, size] = payload ? [this.#packet, payload.length] : [0, 0];
    const count = check(this.#natives.decodeFloat(this.#state, pointer, size, this.#pcm, FRAME, Number(correcting)));
    return new Float32Array(this.#memory.buffer).slice(this.#pcm >> 2, (this.#pcm >> 2) + count);
  }

  free() {
    this.#natives.destroyDecoder(this.#state);
    this.#natives.free(this.#pcm);
    this.#natives.free(this.#packet);
  }
}

/** @returns {never} */
function exit() {
  throw new WebAssembly.RuntimeError('libopus gave up');
}

/**
 * @param {WebAssembly.Memory} memory
 * @param {number} bytes
 */
function grow(memory, bytes) {
  try {
    memory.grow(Math.ceil((bytes - memory.buffer.byteLength) / 65_536));
    return true;
  } catch {
    return false;
  }
}

/**
 * @param {Natives} natives
 * @param {number} bytes
 */
function allocate(natives, bytes) {
  const pointer = natives.malloc(bytes);
  if (pointer === 0) throw new RangeError('no memory for libopus');
  return pointer;
}

/**
 * @param {Natives} natives
 * @param {WebAssembly.Memory} memory
 * @param {(error: number) => number} make gets where to write an error
 */
function create(natives, memory, make) {
  const error = allocate(natives, 4);
  const state = make(error);
  const code = new Int32Array(memory.buffer)[error >> 2];
  natives.free(error);
  check(code);
  return state;
}

/** @param {number} code */
function check(code) {
  if (code < 0) throw new RangeError(`libopus: error ${code}`);
  return code;
}
