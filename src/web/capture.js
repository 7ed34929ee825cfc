/**
 * @file The microphone: asks for it, hears when it is worth sending, encodes, and comes back by itself after interruptions.
 *
 * Owns the MediaStream, its AudioContext, the gate and the encoder. Knows nothing of the connection. Events: `packet`
 * {@link PacketDetail}, `level` {@link LevelDetail}, `state` {@link CaptureState}.
 */
import { Gate, PRE_ROLL, level } from './gate.js';
import { BLOCK, createEncoder, encoderKind } from './opus.js';
import { Durations } from './stats.js';

/** @import { Block } from './capture-worklet.js' */
/** @import { CodecKind, Encoder } from './opus.js' */
/** @typedef {{first: boolean, last: boolean, silence: boolean, timestamp: number}} Flags `timestamp`: 48 kHz ticks */
/** @typedef {Flags & {data: Uint8Array<ArrayBuffer>}} PacketDetail */
/** @typedef {{db: number, speaking: boolean}} LevelDetail */
/** @typedef {'off'|'starting'|'on'|'muted'|'interrupted'|'denied'|'missing'} CaptureStateName */
/**
 * @typedef {object} CaptureState
 * @property {CaptureStateName} state
 * @property {boolean} echoCancellation whether the device does it
 * @property {boolean} noiseSuppression
 * @property {boolean} autoGainControl
 * @property {CodecKind} codec
 */

const PROCESSING = /** @type {const} */ (['echoCancellation', 'noiseSuppression', 'autoGainControl']);
/** A level every 60 ms moves a meter smoothly. */
const BLOCKS_PER_LEVEL = 3;
/** A microphone that gave nothing for so long is gone, whatever its state says. */
const STALE_MS = 1_500;
const BLOCK_MS = 20;
/** A context that may run does so within this time. */
const WAKE_MS = 500;

export class Capture extends EventTarget {
  /** @type {CaptureStateName} */
  #state = 'off';
  /** @type {CodecKind} */
  #codec = 'wasm';
  /** @type {AudioContext | null} */
  #context = null;
  /** @type {MediaStream | null} */
  #stream = null;
  /** @type {MediaStreamAudioSourceNode | null} */
  #source = null;
  /** @type {AudioWorkletNode | null} */
  #node = null;
  /** @type {Encoder<Flags & {at: number}> | null} */
  #encoder = null;
  #gate = new Gate();
  /** Blocks from before the gate opens. @type {Block[]} */
  #before = [];
  #muted = false;
  #wanted = false;
  #reopening = false;
  #blocks = 0;
  #blockAt = 0;
  #loudest = -96;
  /** @type {() => void} */
  #unlisten = () => {};

  constructor() {
    super();
    /** For tests and diagnosis; `captureEncodeMs`: from a block's first sample to its packet. */
    this.stats = { captureEncodeMs: new Durations(), packets: 0, bytes: 0, blocks: 0, reopened: 0, inputRate: 0 };
  }

  /** @returns {CaptureState} */
  get state() {
    const settings = this.#stream?.getAudioTracks()[0]?.getSettings() ?? {};
    const [echoCancellation, noiseSuppression, autoGainControl] = PROCESSING.map((name) => Boolean(settings[name]));
    return { state: this.#state, echoCancellation, noiseSuppression, autoGainControl, codec: this.#codec };
  }

  /**
   * Asks for the microphone. Call it in the handler of a tap. Refusals are states, not errors.
   * @param {{forceWasm?: boolean}} [options]
   */
  async start({ forceWasm = false } = {}) {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#setState('starting');
    // In the tap: later the browser would not let it run.
    const context = new AudioContext({ latencyHint: 'interactive' });
    this.#context = context;
    context.resume().catch(() => {});
    this.#listen();
    this.#codec = await encoderKind(forceWasm);
    try {
      await context.audioWorklet.addModule(new URL('./capture-worklet.js', import.meta.url));
    } catch {
      // An insecure page has no worklets, and no microphone either.
      if (this.#context !== context) return;
      this.stop();
      this.#setState('missing');
      return;
    }
    if (this.#context !== context) return;
    this.stats.inputRate = context.sampleRate;
    this.#encoder = createEncoder(this.#codec, (packet, flags) => this.#onPacket(packet, flags));
    const node = new AudioWorkletNode(context, 'microphone', { numberOfInputs: 1, numberOfOutputs: 1, channelCount: 1, channelCountMode: 'explicit' });
    this.#node = node;
    node.port.onmessage = (/** @type {MessageEvent<Block>} */ { data }) => this.#onBlock(data);
    // Its output stays silent; without a destination some browsers never run it.
    node.connect(context.destination);
    await this.#open();
  }

  /** Lets go of the microphone. */
  stop() {
    if (!this.#wanted) return;
    this.#wanted = false;
    this.#endSpeech();
    this.#unlisten();
    this.#release();
    if (this.#node) this.#node.port.onmessage = null;
    this.#node?.disconnect();
    this.#node = null;
    this.#encoder?.close();
    this.#encoder = null;
    this.#context?.close().catch(() => {});
    this.#context = null;
    this.#before = [];
    this.#setState('off');
  }

  /** @param {boolean} muted the device itself is silenced, nothing is sent */
  setMuted(muted) {
    if (this.#muted === muted) return;
    this.#muted = muted;
    if (muted) this.#endSpeech();
    for (const track of this.#stream?.getAudioTracks() ?? []) track.enabled = !muted;
    if (this.#state === 'on' || this.#state === 'muted') this.#setState(muted ? 'muted' : 'on');
  }

  async #open() {
    this.#release();
    const audio = Object.fromEntries(PROCESSING.map((name) => [name, true]));
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: { ...audio, channelCount: 1 } });
    } catch (error) {
      if (this.#wanted) this.#setState(refusal(error));
      return;
    }
    if (!this.#wanted || !this.#context || !this.#node) {
      for (const track of stream.getTracks()) track.stop();
      return;
    }
    this.#stream = stream;
    const [track] = stream.getAudioTracks();
    track.enabled = !this.#muted;
    track.onended = () => this.#recover();
    // A telephone call takes the microphone and gives it back.
    track.onmute = () => this.#setState('interrupted');
    track.onunmute = () => this.#resumed();
    this.#source = this.#context.createMediaStreamSource(stream);
    this.#source.connect(this.#node);
    this.#blockAt = Date.now();
    // After a reload nobody tapped yet, and without a tap some browsers do not let it run.
    await this.#wake();
    if (this.#stream !== stream) return;
    if (this.#context?.state === 'running') this.#resumed();
    else this.#setState('interrupted');
  }

  /** Lets the audio thread run, where the browser does. */
  async #wake() {
    if (this.#context && this.#context.state !== 'running') await Promise.race([this.#context.resume(), pause(WAKE_MS)]).catch(() => {});
  }

  #release() {
    this.#source?.disconnect();
    this.#source = null;
    for (const track of this.#stream?.getTracks() ?? []) {
      track.onended = track.onmute = track.onunmute = null;
      track.stop();
    }
    this.#stream = null;
  }

  /** @param {Block} block */
  #onBlock(block) {
    const timestamp = this.#blocks * BLOCK;
    this.#blocks += 1;
    this.stats.blocks += 1;
    this.#blockAt = block.at;
    if (this.#state === 'interrupted' && !this.#stream?.getAudioTracks()[0]?.muted) this.#resumed();
    const db = this.#muted ? -96 : level(block.samples);
    this.#loudest = Math.max(this.#loudest, db);
    if (this.#muted) {
      this.#before = [];
    } else {
      const { open, first, last, speaking } = this.#gate.push(db);
      if (first) this.#sendBefore(timestamp);
      // Whoever waits for the end need not wait for more: the last packet says that silence follows.
      if (open) this.#encode(block, { first: first && this.#before.length === 0, last, silence: last, timestamp });
      if (open) this.#before = [];
      else this.#before = [...this.#before.slice(1 - PRE_ROLL), block];
      if (this.#blocks % BLOCKS_PER_LEVEL === 0) this.#emit('level', { db: this.#loudest, speaking });
    }
    if (this.#blocks % BLOCKS_PER_LEVEL === 0) this.#loudest = -96;
  }

  /** @param {number} timestamp of the block after them */
  #sendBefore(timestamp) {
    const count = this.#before.length;
    for (const [index, block] of this.#before.entries()) {
      this.#encode(block, { first: index === 0, last: false, silence: false, timestamp: timestamp - (count - index) * BLOCK });
    }
  }

  /** The person stopped in the middle: the server need not find out by waiting. */
  #endSpeech() {
    if (this.#gate.open) {
      const block = { samples: new Float32Array(BLOCK), at: Date.now() };
      this.#encode(block, { first: false, last: true, silence: true, timestamp: this.#blocks * BLOCK });
      this.#blocks += 1;
    }
    this.#gate.close();
    this.#before = [];
  }

  /** @param {Block} block @param {Flags} flags */
  #encode({ samples, at }, flags) {
    this.#encoder?.encode(samples, { ...flags, at });
  }

  /** @param {Uint8Array<ArrayBuffer>} data @param {Flags & {at: number}} flags */
  #onPacket(data, { at, ...flags }) {
    // What waited in the pre-roll waited on purpose.
    if (Date.now() - at < PRE_ROLL * BLOCK_MS) this.stats.captureEncodeMs.add(BLOCK_MS + Date.now() - at);
    this.stats.packets += 1;
    this.stats.bytes += data.byteLength;
    if (this.#encoder && this.#encoder.kind !== this.#codec) {
      this.#codec = this.#encoder.kind;
      this.#emit('state', this.state);
    }
    this.#emit('packet', { data, ...flags });
  }

  #resumed() {
    if (this.#wanted && this.#stream) this.#setState(this.#muted ? 'muted' : 'on');
  }

  /** After anything that may have taken the microphone away: make it work, or say that it does not. */
  async #recover() {
    if (!this.#wanted || this.#reopening || this.#state === 'starting' || this.#state === 'denied') return;
    this.#reopening = true;
    try {
      await this.#wake();
      const ended = this.#stream?.getAudioTracks()[0]?.readyState !== 'live';
      if (!ended) await pause(STALE_MS);
      if (!this.#wanted || (!ended && Date.now() - this.#blockAt < STALE_MS)) return;
      this.#endSpeech();
      this.#setState('interrupted');
      this.stats.reopened += 1;
      await this.#open();
    } finally {
      this.#reopening = false;
    }
  }

  #listen() {
    const recover = () => {
      if (document.visibilityState === 'visible') this.#recover();
    };
    const context = this.#context;
    const changed = () => {
      // iOS says `interrupted`, others `suspended`.
      if (context?.state !== 'running' && context?.state !== 'closed' && this.#state === 'on') this.#setState('interrupted');
      recover();
    };
    const tapped = () => {
      if (context?.state !== 'running') context?.resume().catch(() => {});
    };
    document.addEventListener('pointerdown', tapped, true);
    document.addEventListener('keydown', tapped, true);
    document.addEventListener('visibilitychange', recover);
    navigator.mediaDevices?.addEventListener('devicechange', recover);
    context?.addEventListener('statechange', changed);
    this.#unlisten = () => {
      document.removeEventListener('pointerdown', tapped, true);
      document.removeEventListener('keydown', tapped, true);
      document.removeEventListener('visibilitychange', recover);
      navigator.mediaDevices?.removeEventListener('devicechange', recover);
      context?.removeEventListener('statechange', changed);
    };
  }

  /** @param {CaptureStateName} state */
  #setState(state) {
    this.#state = state;
    this.#emit('state', this.state);
  }

  /** @param {'packet'|'level'|'state'} type @param {PacketDetail|LevelDetail|CaptureState} detail */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** @param {number} ms */
function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * @param {unknown} error of getUserMedia
 * @returns {CaptureStateName}
 */
function refusal(error) {
  const name = error instanceof DOMException ? error.name : '';
  if (name === 'NotAllowedError' || name === 'SecurityError') return 'denied';
  // Another program, or a telephone call, has it.
  if (name === 'NotReadableError' || name === 'AbortError') return 'interrupted';
  return 'missing';
}
