/**
 * @file The loudspeaker: plays interpreted speech in order, keeps the last utterances to be heard again, comes back after interruptions.
 *
 * Owns decoders, the AudioContext and the media element. The sound leaves through an element, not straight from the context: so the
 * phone's echo canceller knows it. Knows nothing of the connection; `app.js` feeds it. Events: `state` {@link PlaybackState},
 * `played` {@link Played} when an utterance's first sample was handed over.
 */
import { createDecoder, decoderKind, warmUp } from './opus.js';
import { ahead } from './protocol.js';
import { Durations } from './stats.js';

/** @import { CodecKind, Decoder } from './opus.js' */
/** @import { Order, Report } from './playback-worklet.js' */
/** @import { Frame, SpeechEnd, SpeechStart } from './protocol.js' */
/** @typedef {'idle'|'playing'|'blocked'|'interrupted'} PlaybackStateName */
/** @typedef {{state: PlaybackStateName, utterance?: number}} PlaybackState */
/** @typedef {{utterance: number, lang: string, addedLatencyMs: number, queued: boolean, replay: boolean}} Played
 *  `queued`: it waited for another one, so its latency is not the client's */

const RATE = 48_000;
/** Utterances that can be heard again. */
const KEPT_UTTERANCES = 50;
/** Packets made up in one gap: after 100 ms nobody can tell what it was. */
const MAX_CONCEALED = 5;
/** Open streams; more is a mistake of the server. */
const MAX_STREAMS = 32;
/** What is left of the volume while the person here speaks. */
const DUCKED = 0.35;
/** Time constant of volume changes, seconds. */
const GLIDE = 0.05;

/**
 * @typedef {object} Item
 * @property {number} id
 * @property {number} utterance
 * @property {string} lang
 * @property {boolean} replay
 * @property {number | null} expected sequence number
 * @property {number | null} arrivedAt of its first packet, milliseconds
 * @property {boolean} queued
 * @property {Decoder | null} decoder none while nothing can be played
 */

export class Playback extends EventTarget {
  #forceWasm;
  /** @type {CodecKind | null} */
  #codec = null;
  /** @type {AudioContext | null} */
  #context = null;
  /** @type {AudioWorkletNode | null} */
  #node = null;
  /** @type {GainNode | null} */
  #gain = null;
  /** @type {HTMLAudioElement} */
  #element;
  /** @type {PlaybackState} */
  #state = { state: 'blocked' };
  #volume = 1;
  #ducked = false;
  #lastId = 0;
  /** Streams being received, by their number. @type {Map<number, Item>} */
  #receiving = new Map();
  /** Items not yet played to their end. @type {Map<number, Item>} */
  #pending = new Map();
  /** Packets of the last utterances, by `utterance/lang`. @type {Map<string, {utterance: number, packets: Uint8Array[]}>} */
  #kept = new Map();
  /** @type {Promise<void> | null} */
  #preparing = null;

  /** @param {{forceWasm?: boolean}} [options] */
  constructor({ forceWasm = false } = {}) {
    super();
    this.#forceWasm = forceWasm;
    this.#element = document.createElement('audio');
    this.#element.setAttribute('playsinline', '');
    this.#element.autoplay = true;
    /** For tests and diagnosis; `addedLatencyMs`: from an utterance's first packet to its first sample, when nothing was before it. */
    this.stats = { addedLatencyMs: new Durations(), utterances: 0, packets: 0, lost: 0, late: 0, underruns: 0, concealedMs: 0, delayMs: 0 };
  }

  /** Where the sound comes out; not in the page unless somebody puts it there. */
  get element() {
    return this.#element;
  }

  /** @returns {PlaybackState} */
  get state() {
    return this.#state;
  }

  /** Which codec decodes; null before {@link unlock}. */
  get codec() {
    return this.#codec;
  }

  /** Makes sound possible. Call it in the handler of a tap: browsers allow sound only then. */
  async unlock() {
    // Both before the first await: the tap counts only until then.
    if (!this.#context) this.#build();
    const playing = this.#play();
    this.#preparing ??= this.#prepare();
    await this.#preparing;
    await playing;
    this.#settle();
  }

  /** @param {SpeechStart} message */
  speechStart({ utterance, lang, stream }) {
    this.#finish(stream);
    if (this.#receiving.size >= MAX_STREAMS) return;
    this.#keep(utterance, lang);
    this.#receiving.set(stream, this.#open(utterance, lang, false));
  }

  /** @param {Frame} frame */
  frame({ stream, sequence, payload }) {
    const item = this.#receiving.get(stream);
    if (!item) return;
    if (item.arrivedAt === null) this.#arrive(item);
    const lost = item.expected === null ? 0 : ahead(sequence, item.expected);
    if (lost < 0) {
      this.stats.late += 1;
      return;
    }
    item.expected = (sequence + 1) >>> 0;
    this.stats.packets += 1;
    this.stats.lost += lost;
    if (lost > 0) item.decoder?.conceal(Math.min(lost, MAX_CONCEALED), payload);
    item.decoder?.decode(payload);
    this.#kept.get(keyOf(item.utterance, item.lang))?.packets.push(payload.slice());
  }

  /** @param {SpeechEnd} message */
  speechEnd({ stream }) {
    this.#finish(stream);
  }

  /** The server forgot what it was saying (a session that could not be resumed): what came is played, no more is expected. */
  endStreams() {
    for (const stream of [...this.#receiving.keys()]) this.#finish(stream);
  }

  /** Stops what is playing and forgets what waits. */
  stop() {
    this.endStreams();
    this.#order({ do: 'clear' });
  }

  /**
   * @param {number} utterance
   * @param {string} lang
   */
  has(utterance, lang) {
    return (this.#kept.get(keyOf(utterance, lang))?.packets.length ?? 0) > 0;
  }

  /**
   * Plays an utterance again, after what is playing now.
   * @param {number} utterance
   * @param {string} lang
   * @returns {boolean} whether it is (still) there
   */
  replay(utterance, lang) {
    const kept = this.#kept.get(keyOf(utterance, lang));
    if (!kept || kept.packets.length === 0 || !this.#codec) return false;
    // An impatient second tap does not make it come twice.
    const waiting = [...this.#pending.values()].some((item) => item.utterance === utterance && item.lang === lang);
    if (waiting) return true;
    const item = this.#open(utterance, lang, true);
    this.#arrive(item);
    for (const packet of kept.packets) item.decoder?.decode(packet);
    this.#end(item);
    return true;
  }

  /** @param {number} volume 0 to 1 */
  setVolume(volume) {
    this.#volume = Math.min(1, Math.max(0, volume));
    this.#applyVolume();
  }

  /** @param {boolean} ducked whether the person here speaks: lower, never silent */
  duck(ducked) {
    this.#ducked = ducked;
    this.#applyVolume();
  }

  #build() {
    const session = /** @type {{audioSession?: {type: string}}} */ (navigator).audioSession;
    // iOS: loudspeaker and microphone at once, and no pause for the ring switch.
    if (session) session.type = 'play-and-record';
    const context = new AudioContext({ latencyHint: 'interactive', sampleRate: RATE });
    this.#context = context;
    const destination = context.createMediaStreamDestination();
    this.#gain = context.createGain();
    this.#gain.connect(destination);
    this.#applyVolume();
    this.#element.srcObject = destination.stream;
    const recover = () => {
      if (document.visibilityState === 'visible') this.#recover();
    };
    context.addEventListener('statechange', () => {
      this.#settle();
      recover();
    });
    this.#element.addEventListener('pause', recover);
    this.#element.addEventListener('playing', () => this.#settle());
    document.addEventListener('visibilitychange', recover);
    window.addEventListener('pageshow', recover);
    window.addEventListener('focus', recover);
    navigator.mediaDevices?.addEventListener('devicechange', recover);
  }

  async #prepare() {
    const context = /** @type {AudioContext} */ (this.#context);
    const codec = await decoderKind(this.#forceWasm);
    if (codec === 'wasm') warmUp();
    await context.audioWorklet.addModule(new URL('./playback-worklet.js', import.meta.url));
    const node = new AudioWorkletNode(context, 'loudspeaker', { numberOfInputs: 0, numberOfOutputs: 1, outputChannelCount: [1] });
    node.port.onmessage = (/** @type {MessageEvent<Report>} */ { data }) => this.#onReport(data);
    node.connect(/** @type {GainNode} */ (this.#gain));
    this.#node = node;
    this.#codec = codec;
  }

  /** Starts context and element; whether that worked shows in their states. */
  async #play() {
    const tries = [this.#context?.resume(), this.#element.play()];
    await Promise.allSettled(tries);
  }

  /** After anything that may have stopped the sound. */
  async #recover() {
    if (!this.#context) return;
    if (this.#context.state !== 'running' || this.#element.paused) {
      await Promise.race([this.#play(), new Promise((resolve) => setTimeout(resolve, 1_000))]);
    }
    this.#settle();
  }

  /** Says what the states of context and element mean. */
  #settle() {
    const [context, playing] = [this.#context?.state, [...this.#pending.values()].find((item) => item.arrivedAt !== null)];
    if (!this.#context || this.#element.paused) this.#setState({ state: 'blocked' });
    else if (context !== 'running') this.#setState({ state: 'interrupted' });
    else if (playing) this.#setState({ state: 'playing', utterance: playing.utterance });
    else this.#setState({ state: 'idle' });
  }

  /**
   * @param {number} utterance
   * @param {string} lang
   * @param {boolean} replay
   * @returns {Item}
   */
  #open(utterance, lang, replay) {
    const id = (this.#lastId += 1);
    /** @type {Item} */
    const item = { id, utterance, lang, replay, expected: null, arrivedAt: null, queued: false, decoder: null };
    // Locked: nothing could be heard; it is kept for later.
    if (!this.#codec || this.#context?.state === 'closed') return item;
    this.#pending.set(id, item);
    this.#order({ do: 'open', id });
    item.decoder = createDecoder(this.#codec, {
      onSamples: (samples) => this.#order({ do: 'push', id, samples }, [samples.buffer]),
      onGap: (count) => this.#order({ do: 'gap', id, count }),
    });
    return item;
  }

  /** Its first packet is here. @param {Item} item */
  #arrive(item) {
    item.queued = [...this.#pending.values()].some((other) => other.arrivedAt !== null);
    item.arrivedAt = Date.now();
  }

  /** @param {number} stream */
  #finish(stream) {
    const item = this.#receiving.get(stream);
    if (!item) return;
    this.#receiving.delete(stream);
    this.#end(item);
  }

  /** @param {Item} item */
  #end(item) {
    item.decoder?.finish().then(() => this.#order({ do: 'close', id: item.id }));
  }

  /** @param {Report} report */
  #onReport(report) {
    const item = this.#pending.get(report.id);
    this.stats.delayMs = report.delayMs;
    if (report.is === 'ended') {
      this.#pending.delete(report.id);
      this.stats.underruns += report.underruns;
      this.stats.concealedMs += report.concealedMs;
    } else if (item) {
      const { utterance, lang, queued, replay } = item;
      const addedLatencyMs = report.at - (item.arrivedAt ?? report.at);
      if (!queued && !replay) this.stats.addedLatencyMs.add(addedLatencyMs);
      this.stats.utterances += 1;
      this.dispatchEvent(new CustomEvent('played', { detail: { utterance, lang, addedLatencyMs, queued, replay } }));
    }
    this.#settle();
  }

  /** @param {Order} order @param {ArrayBuffer[]} [moved] */
  #order(order, moved = []) {
    this.#node?.port.postMessage(order, moved);
  }

  /** Makes room for the packets of an utterance. @param {number} utterance @param {string} lang */
  #keep(utterance, lang) {
    this.#kept.delete(keyOf(utterance, lang));
    this.#kept.set(keyOf(utterance, lang), { utterance, packets: [] });
    for (const key of this.#kept.keys()) {
      if (this.#kept.size <= KEPT_UTTERANCES) break;
      this.#kept.delete(key);
    }
  }

  #applyVolume() {
    if (!this.#context || !this.#gain) return;
    this.#gain.gain.setTargetAtTime(this.#volume * (this.#ducked ? DUCKED : 1), this.#context.currentTime, GLIDE);
  }

  /** @param {PlaybackState} state */
  #setState(state) {
    const same = state.state === this.#state.state && state.utterance === this.#state.utterance;
    this.#state = state;
    if (!same) this.dispatchEvent(new CustomEvent('state', { detail: state }));
  }
}

/**
 * @param {number} utterance
 * @param {string} lang
 */
function keyOf(utterance, lang) {
  return `${utterance}/${lang}`;
}
