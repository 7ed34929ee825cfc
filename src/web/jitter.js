/**
 * @file When to play what: streams of decoded speech in order, started as soon as the network's jitter allows, without clicks.
 *
 * Pure and sample-driven: blocks go in, sound comes out, time is the number of samples pulled. Owns start delay, concealment of gaps,
 * fades and the order of streams; knows nothing of codecs, threads or clocks. Runs inside `playback-worklet.js`.
 */

/** Start delay: one packet at best; more after a packet came too late; what is later than the most is a pause, not jitter. */
const MIN_DELAY_MS = 20;
const MAX_DELAY_MS = 200;
/** A stream that needed none of it lowers it by this factor. */
const RELAX = 0.95;
/** Rise after silence and fall into it: short enough not to blur a consonant, long enough not to click. */
const FADE_IN_MS = 4;
const FADE_OUT_MS = 20;
/** A lost packet is bridged by repeating the voice for so long; longer it would sound like a machine. */
const CONCEAL_MS = 60;
/** Added to the lateness seen, which was luck. */
const MARGIN_MS = 10;
/** Between two utterances. */
const BETWEEN_MS = 120;
/** A stream that stays without sound for so long while another waits has lost its end: the other one goes on. */
const ABANDON_MS = 10_000;
/** All that may wait: two minutes. */
const MAX_WAITING_MS = 120_000;
/** The voice's periods: 70 to 400 Hz. */
const MIN_PERIOD_MS = 2.5;
const MAX_PERIOD_MS = 14;

/** @typedef {{is: 'started', id: number} | {is: 'ended', id: number, underruns: number, concealedMs: number}} PlayerEvent */

/**
 * @typedef {object} Stream
 * @property {number} id
 * @property {(Float32Array | number)[]} blocks samples, or how many are unknown
 * @property {number} waiting samples in `blocks`
 * @property {boolean} closed no more will come
 * @property {number} dataAt when the first of the waiting blocks came, in samples of the player's time
 * @property {boolean} started
 */

export class Player {
  /** What happened since it was last emptied. @type {PlayerEvent[]} */
  events = [];
  /** @type {Stream[]} */
  #streams = [];
  #rate;
  #now = 0;
  #delay;
  /** Not before this time does anything start. */
  #notBefore = 0;
  /** Head of the queue: whether it is sounding, and since when it is not. */
  #playing = false;
  #dryAt = 0;
  /** Whether the delay has learned from it already. */
  #learned = false;
  #underruns = 0;
  #concealed = 0;
  /** Samples of the head's first block already played. */
  #read = 0;
  /** Samples until full volume, and the old sound that sinks meanwhile. */
  #fading = 0;
  /** @type {Float32Array} */
  #overlap = new Float32Array(0);
  /** What bridges the end of known sound, and how much of it was played. */
  #bridge = new Float32Array(0);
  #bridged = 0;
  /** The last sound played. */
  #history;
  #dropped = 0;

  /** @param {number} [rate] Hz, of everything that goes in and out */
  constructor(rate = 48_000) {
    this.#rate = rate;
    this.#delay = this.#samples(MIN_DELAY_MS);
    this.#history = new Float32Array(this.#samples(3 * MAX_PERIOD_MS));
  }

  /** The present start delay in milliseconds. */
  get delayMs() {
    return (this.#delay * 1000) / this.#rate;
  }

  /** Samples refused because too much was waiting. */
  get dropped() {
    return this.#dropped;
  }

  /** Whether nothing waits and nothing sounds. */
  get idle() {
    return this.#streams.length === 0 && this.#bridged >= this.#bridge.length;
  }

  /** @param {number} id of a new stream, played after those opened before */
  open(id) {
    this.#streams.push({ id, blocks: [], waiting: 0, closed: false, dataAt: this.#now, started: false });
    if (this.#streams.length === 1) this.#dryAt = this.#now;
  }

  /** @param {number} id @param {Float32Array} samples in order */
  push(id, samples) {
    this.#append(id, samples, samples.length);
  }

  /** @param {number} id @param {number} count samples that were lost and that nobody made up */
  gap(id, count) {
    this.#append(id, count, count);
  }

  /** @param {number} id its end is known; it plays out */
  close(id) {
    const stream = this.#streams.find((other) => other.id === id);
    if (stream) stream.closed = true;
  }

  /** Stops everything, fading what sounds. */
  clear() {
    const silent = this.#samples(FADE_OUT_MS);
    if (this.#playing) this.#startBridge(silent, silent);
    for (const stream of this.#streams.splice(0)) this.#ended(stream);
    this.#playing = false;
    this.#read = 0;
  }

  /**
   * Fills a block with the sound of now.
   * @param {Float32Array} out
   */
  pull(out) {
    let written = 0;
    while (written < out.length) {
      const rest = out.subarray(written);
      let count = this.#pullBridge(rest);
      if (count === 0) count = this.#pullHead(rest);
      if (count === 0) {
        // Silence until the end of this block at most: what arrives meanwhile is looked at with the next one.
        rest.fill(0);
        this.#remember(rest);
        count = rest.length;
      }
      written += count;
      this.#now += count;
    }
  }

  /**
   * @param {number} id
   * @param {Float32Array | number} block
   * @param {number} count
   */
  #append(id, block, count) {
    const stream = this.#streams.find((other) => other.id === id);
    if (!stream || stream.closed || count <= 0) return;
    const waiting = this.#streams.reduce((sum, other) => sum + other.waiting, 0);
    if (waiting + count > this.#samples(MAX_WAITING_MS)) {
      this.#dropped += count;
      return;
    }
    if (stream.waiting === 0) stream.dataAt = this.#now;
    stream.blocks.push(block);
    stream.waiting += count;
  }

  /**
   * Sound of the stream whose turn it is.
   * @param {Float32Array} out
   * @returns {number} samples written
   */
  #pullHead(out) {
    const stream = this.#streams[0];
    if (!stream) return 0;
    if (!this.#playing && !this.#mayStart(stream)) return 0;
    if (stream.blocks.length === 0) {
      const silent = this.#samples(FADE_OUT_MS);
      this.#startBridge(silent, silent);
      this.#playing = false;
      this.#dryAt = this.#now;
      this.#learned = false;
      if (stream.closed) this.#next(stream);
      else this.#underruns += 1;
      return this.#pullBridge(out);
    }
    const [block] = stream.blocks;
    return typeof block === 'number' ? this.#pullGap(stream, block, out) : this.#pullBlock(stream, block, out);
  }

  /** @param {Stream} stream @param {number} count @param {Float32Array} out */
  #pullGap(stream, count, out) {
    stream.blocks.shift();
    stream.waiting -= count;
    this.#concealed += count;
    this.#startBridge(count, this.#samples(CONCEAL_MS));
    return this.#pullBridge(out);
  }

  /** @param {Stream} stream @param {Float32Array} block @param {Float32Array} out */
  #pullBlock(stream, block, out) {
    const count = Math.min(out.length, block.length - this.#read);
    const played = out.subarray(0, count);
    played.set(block.subarray(this.#read, this.#read + count));
    const fade = this.#samples(FADE_IN_MS);
    for (let i = 0; i < count && this.#fading > 0; i += 1, this.#fading -= 1) {
      const gone = this.#fading / fade;
      played[i] = played[i] * (1 - gone) + this.#overlap[fade - this.#fading] * gone;
    }
    this.#remember(played);
    this.#read += count;
    stream.waiting -= count;
    if (this.#read === block.length) {
      stream.blocks.shift();
      this.#read = 0;
    }
    return count;
  }

  /** @param {Stream} stream */
  #mayStart(stream) {
    if (this.#now < this.#notBefore) return false;
    if (stream.blocks.length === 0) {
      if (stream.closed || this.#isAbandoned(stream)) {
        // It ran dry because it was over.
        if (stream.started) this.#underruns -= 1;
        this.#next(stream);
      }
      return false;
    }
    if (stream.started && !this.#learned) this.#learn(stream.dataAt - this.#dryAt);
    this.#learned = true;
    const ready = stream.closed || stream.waiting > this.#delay || this.#now - stream.dataAt >= this.#delay;
    if (!ready) return false;
    if (!stream.started) this.events.push({ is: 'started', id: stream.id });
    stream.started = true;
    this.#playing = true;
    this.#fadeIn(new Float32Array(this.#samples(FADE_IN_MS)));
    return true;
  }

  /** @param {Stream} stream */
  #isAbandoned(stream) {
    return this.#now - this.#dryAt > this.#samples(ABANDON_MS) && this.#streams.some((other) => other !== stream && other.waiting > 0);
  }

  /** @param {number} late samples between running dry and the next data */
  #learn(late) {
    // Longer is a pause between clauses or a broken connection: no start delay could have covered it.
    if (late <= this.#samples(MAX_DELAY_MS)) {
      // The packet came so much later than the delay already allows.
      this.#delay = Math.min(this.#samples(MAX_DELAY_MS), this.#delay + late + this.#samples(MARGIN_MS));
    } else {
      this.#underruns -= 1;
    }
  }

  /** The head is over. @param {Stream} stream */
  #next(stream) {
    this.#streams.shift();
    this.#ended(stream);
    if (stream.started && this.#streams.length > 0) this.#notBefore = this.#now + this.#samples(BETWEEN_MS);
    this.#playing = false;
    this.#read = 0;
    this.#dryAt = this.#now;
  }

  /** @param {Stream} stream */
  #ended(stream) {
    this.events.push({ is: 'ended', id: stream.id, underruns: this.#underruns, concealedMs: (this.#concealed * 1000) / this.#rate });
    if (stream.started && this.#underruns === 0) this.#delay = Math.max(this.#samples(MIN_DELAY_MS), Math.round(this.#delay * RELAX));
    this.#underruns = 0;
    this.#concealed = 0;
  }

  /**
   * Goes on with the voice's last period for `length` samples, and a little further under the fade-in of what follows.
   * @param {number} length
   * @param {number} silent samples after which it has faded away
   */
  #startBridge(length, silent) {
    const period = this.#period();
    const end = this.#history.length;
    const sound = new Float32Array(length + this.#samples(FADE_IN_MS));
    for (let i = 0; i < Math.min(sound.length, silent); i += 1) {
      sound[i] = this.#history[end - period + (i % period)] * (1 - i / silent);
    }
    this.#bridge = sound.subarray(0, length);
    this.#bridged = 0;
    this.#fadeIn(sound.subarray(length));
  }

  /** @param {Float32Array} overlap what sounds on while the next samples rise */
  #fadeIn(overlap) {
    this.#overlap = overlap;
    this.#fading = overlap.length;
  }

  /** @param {Float32Array} out @returns {number} samples written */
  #pullBridge(out) {
    const count = Math.min(out.length, this.#bridge.length - this.#bridged);
    if (count <= 0) return 0;
    const played = out.subarray(0, count);
    played.set(this.#bridge.subarray(this.#bridged, this.#bridged + count));
    this.#remember(played);
    this.#bridged += count;
    return count;
  }

  /** The lag at which the last sound resembles itself most: a repetition with it has no seam. */
  #period() {
    const history = this.#history;
    const [shortest, longest] = [this.#samples(MIN_PERIOD_MS), this.#samples(MAX_PERIOD_MS)];
    const start = history.length - longest;
    let [best, period] = [-Infinity, longest];
    for (let lag = shortest; lag <= longest; lag += 1) {
      let [product, energy] = [0, 1e-9];
      // Every second sample is enough to find it.
      for (let i = start; i < history.length; i += 2) {
        product += history[i] * history[i - lag];
        energy += history[i - lag] ** 2;
      }
      const likeness = product / Math.sqrt(energy);
      if (likeness > best) [best, period] = [likeness, lag];
    }
    return period;
  }

  /** @param {Float32Array} played */
  #remember(played) {
    const kept = this.#history.length;
    if (played.length >= kept) {
      this.#history.set(played.subarray(played.length - kept));
    } else {
      this.#history.copyWithin(0, played.length);
      this.#history.set(played, kept - played.length);
    }
  }

  /** @param {number} ms */
  #samples(ms) {
    return Math.round((ms * this.#rate) / 1000);
  }
}
