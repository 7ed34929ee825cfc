/**
 * @file One person's session with the server, over as many WebSockets as it takes.
 *
 * Owns the socket, `hello` and resumption, back-off, noticing a dead link, the packets kept for a resumption, and the count of what was
 * received. Knows nothing of audio or of what messages mean to people. `app.js` feeds it packets and listens to its events:
 * `state` {@link StateDetail}, `message` (a server message, in order and once), `frame` (an audio frame of the server).
 */
import { FrameError, SUBPROTOCOL, VERSION, ahead, decodeFrame, parseServerMessage } from './protocol.js';
import { Uplink } from './uplink.js';

/** @import { ClientMessage, Fault, FloorMessage, Frame, Hello, ServerMessage, Welcome } from './protocol.js' */
/** @import { PacketFlags } from './uplink.js' */

/** Ask for a sign of life after this much quiet; browsers do not show the server's pings. */
const PING_AFTER_MS = 4_000;
/** No sign of life for this long: the link is dead, whatever the socket says. */
const DEAD_AFTER_MS = 9_000;
/** After the network changed or the page was asleep, an answer must come sooner. */
const PROBE_MS = 2_500;
/** A socket that brought no `welcome` by then is given up. */
const WELCOME_WITHIN_MS = 8_000;
/** Back-off: the first try comes almost at once, the server keeps a lost session for 60 s. */
const FIRST_RETRY_MS = 250;
const MAX_RETRY_MS = 8_000;
/** A session that lasted this long proves the way: the next loss starts the back-off afresh. */
const STABLE_AFTER_MS = 5_000;
/** Our own ghost may hold our place until the server lets it go after 60 s. */
const GHOST_MS = 75_000;
/** Messages that wait for the connection. */
const MAX_WAITING = 20;

const NORMAL = 1000;
const ROOM_FULL = 4005;
const RESUME_FAILED = 4010;
/** Another tab of this browser goes on with the session. */
const TAKEN_OVER = 4011;
/** Close codes after which trying again with the same words cannot help. */
const FINAL = new Set([NORMAL, 4000, 4001, 4002, 4003, 4004, ROOM_FULL, TAKEN_OVER]);

/** @typedef {'connecting'|'open'|'reconnecting'|'closed'} State */
/** @typedef {{state: State, retryInMs?: number, code?: number, fault?: Fault}} StateDetail */
/**
 * What survives a reload. It holds secrets: sessionStorage, nowhere else.
 * @typedef {object} Snapshot
 * @property {string} url
 * @property {Hello} hello
 * @property {string} [resume]
 * @property {string} [token] rejoin token
 * @property {number} received
 * @property {number} sequence
 * @property {number} timestamp
 */
/**
 * The browser, replaceable in tests.
 * @typedef {object} Environment
 * @property {new (url: string, protocols: string) => WebSocket} WebSocket
 * @property {() => number} now milliseconds; must go on while the device sleeps
 * @property {(callback: () => void, ms: number) => unknown} setTimeout
 * @property {(timer: any) => void} clearTimeout
 * @property {() => number} random 0 to 1
 * @property {EventTarget} [window]
 * @property {EventTarget & {visibilityState?: string}} [document]
 */

/** @returns {Environment} */
function browser() {
  return {
    WebSocket: globalThis.WebSocket,
    now: () => Date.now(),
    setTimeout: (callback, ms) => setTimeout(callback, ms),
    clearTimeout: (timer) => clearTimeout(timer),
    random: Math.random,
    window: globalThis.window,
    document: globalThis.document,
  };
}

export class Connection extends EventTarget {
  /** @type {Environment} */
  #env;
  /** @type {Uplink} */
  #uplink;
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {Hello} */
  #hello;
  /** @type {string | undefined} */
  #resume;
  /** @type {string | undefined} */
  #rejoin;
  #received = 0;
  #joined = false;
  #welcomed = false;
  #failures = 0;
  #triedAt = 0;
  #openedAt = 0;
  #lostAt = 0;
  #heardAt = 0;
  #pingedAt = 0;
  #pings = 0;
  /** Answer expected by then, else the link is dead. */
  #deadline = Infinity;
  /** @type {Fault | undefined} */
  #fault;
  /** @type {ClientMessage[]} */
  #waiting = [];
  /** @type {FloorMessage | undefined} */
  #floor;
  /** @type {Map<number, {utterance: number, lang: string, next: number | null}>} */
  #streams = new Map();
  /** @type {Record<'watch'|'retry'|'pump', unknown>} */
  #timers = { watch: null, retry: null, pump: null };
  /** @type {() => void} */
  #unlisten = () => {};

  /**
   * @param {{url: string, hello: Hello}} options `url`: `wss://host/v1/session`
   * @param {Partial<Environment>} [environment]
   */
  constructor({ url, hello }, environment = {}) {
    super();
    this.url = url;
    /** @type {State} */
    this.state = 'closed';
    this.#hello = { ...hello };
    this.#env = { ...browser(), ...environment };
    this.#uplink = new Uplink();
    /** For tests and diagnosis. */
    this.stats = { connects: 0, resumes: 0, rejoins: 0, packets: 0, bytes: 0, duplicates: 0, badMessages: 0, roundTripMs: 0 };
  }

  /**
   * The connection of a page before its reload; `connect()` resumes it.
   * @param {Snapshot} snapshot
   * @param {Partial<Environment>} [environment]
   */
  static restore(snapshot, environment = {}) {
    const connection = new Connection(snapshot, environment);
    connection.#resume = snapshot.resume;
    connection.#rejoin = snapshot.token;
    connection.#received = snapshot.received;
    connection.#joined = snapshot.resume !== undefined || snapshot.token !== undefined;
    connection.#uplink = new Uplink(snapshot);
    return connection;
  }

  /** @returns {Snapshot} */
  snapshot() {
    const { sequence, timestamp } = this.#uplink;
    const [hello, resume, token] = [{ ...this.#hello }, this.#resume, this.#rejoin];
    return { url: this.url, hello, resume, token, received: this.#received, sequence, timestamp };
  }

  /** Starts, and keeps the session until {@link leave} or a refusal. */
  connect() {
    if (this.state !== 'closed') return;
    this.#fault = undefined;
    this.#failures = 0;
    this.#lostAt = this.#env.now();
    this.#listen();
    this.#setState({ state: 'connecting' });
    this.#open();
  }

  /**
   * Sends a control message; while there is no connection it waits (only the latest of each kind of setting does).
   * @param {ClientMessage} message
   * @returns {boolean} whether it left at once
   */
  send(message) {
    if (message.type === 'floor') this.#floor = message;
    if (message.type === 'language') this.update(message);
    if (this.#welcomed && this.#transmit(message)) return true;
    if (this.state === 'closed' || message.type === 'ping' || message.type === 'bye') return false;
    if (message.type === 'floor') this.#waiting = this.#waiting.filter((other) => other.type !== 'floor');
    if (this.#waiting.length < MAX_WAITING) this.#waiting.push(message);
    return false;
  }

  /**
   * Sends a packet of the microphone, now or as soon as there is a connection again.
   * @param {Uint8Array} opus one packet of 20 ms
   * @param {PacketFlags} flags a `packet` event's detail will do
   */
  sendPacket(opus, flags) {
    if (this.state === 'closed') return;
    this.#uplink.push(opus, flags);
    if (this.#timers.pump === null) this.#pump();
  }

  /**
   * What the person chose now; later connections ask for it.
   * @param {Partial<Hello>} fields
   */
  update(fields) {
    const { speak, hear, voice, name, role, token } = { ...this.#hello, ...fields };
    this.#hello = { ...this.#hello, speak, hear, voice, name, role, token };
  }

  /** Says goodbye; nothing is tried any more. */
  leave() {
    if (this.state === 'closed') return;
    if (this.#welcomed) this.#transmit({ type: 'bye' });
    this.#close({ state: 'closed', code: NORMAL });
  }

  #open() {
    this.#drop();
    this.#stop('retry');
    this.stats.connects += 1;
    const socket = new this.#env.WebSocket(this.url, SUBPROTOCOL);
    this.#socket = socket;
    socket.binaryType = 'arraybuffer';
    // A replaced socket may still speak: only the present one is listened to.
    const present = () => this.#socket === socket;
    socket.onopen = () => present() && this.#onOpen();
    socket.onmessage = (event) => present() && this.#onMessage(event.data);
    socket.onclose = (event) => present() && this.#onClose(event.code);
    this.#triedAt = this.#env.now();
    this.#deadline = this.#triedAt + WELCOME_WITHIN_MS;
    this.#watch();
  }

  #onOpen() {
    const { token, ...hello } = this.#hello;
    const secret = this.#resume ? { resume: this.#resume, received: this.#received } : { token: this.#rejoin ?? token };
    this.#socket?.send(JSON.stringify({ type: 'hello', version: VERSION, ...hello, ...secret }));
  }

  /** @param {unknown} data */
  #onMessage(data) {
    this.#heardAt = this.#env.now();
    if (this.#welcomed) {
      this.#deadline = Infinity;
      this.#received += 1;
    }
    if (typeof data === 'string') this.#onText(data);
    else if (data instanceof ArrayBuffer) this.#onBinary(new Uint8Array(data));
  }

  /** @param {string} text */
  #onText(text) {
    const message = parseServerMessage(text);
    if (!message) {
      this.stats.badMessages += 1;
      return;
    }
    if (message.type === 'welcome') this.#onWelcome(message);
    if (message.type === 'pong' && message.id === this.#pings) this.stats.roundTripMs = this.#env.now() - this.#pingedAt;
    if (message.type === 'error' && message.fatal) {
      this.#fault = message;
      // Mended here, without the person: the rejoin token comes next.
      if (message.code === 'resume_failed') return;
    }
    if (this.#isNew(message)) this.#emit('message', message);
  }

  /** @param {Uint8Array} bytes */
  #onBinary(bytes) {
    let frame;
    try {
      frame = decodeFrame(bytes);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.stats.badMessages += 1;
      return;
    }
    const stream = this.#streams.get(frame.stream);
    if (frame.kind !== 'down' || !stream) return;
    if (stream.next !== null && ahead(frame.sequence, stream.next) < 0) {
      this.stats.duplicates += 1;
      return;
    }
    stream.next = (frame.sequence + 1) >>> 0;
    this.#emit('frame', frame);
  }

  /**
   * Whether this was not delivered already. The counts on both sides should make repetitions impossible; a sentence heard twice would
   * be worse than one look at a map.
   * @param {ServerMessage} message
   */
  #isNew(message) {
    if (message.type === 'speech_start') {
      const open = this.#streams.get(message.stream);
      if (open && open.utterance === message.utterance && open.lang === message.lang) {
        this.stats.duplicates += 1;
        return false;
      }
      this.#streams.set(message.stream, { utterance: message.utterance, lang: message.lang, next: null });
    }
    if (message.type === 'speech_end') {
      if (this.#streams.get(message.stream)?.utterance !== message.utterance) {
        this.stats.duplicates += 1;
        return false;
      }
      this.#streams.delete(message.stream);
    }
    return true;
  }

  /** @param {Welcome} welcome */
  #onWelcome(welcome) {
    const resumed = welcome.resumed;
    if (resumed) {
      this.stats.resumes += 1;
      this.#uplink.rewind(resumed.packets);
    } else {
      if (this.#joined) this.stats.rejoins += 1;
      this.#received = 0;
      this.#streams.clear();
    }
    this.#resume = welcome.resume;
    this.#rejoin = welcome.token ?? this.#rejoin;
    this.#welcomed = true;
    this.#fault = undefined;
    this.#openedAt = this.#env.now();
    this.#pingedAt = this.#openedAt;
    this.#deadline = Infinity;
    const waiting = this.#waiting;
    this.#waiting = [];
    // A new participant has an open microphone until told otherwise.
    if (!resumed && this.#joined && this.#floor && !waiting.includes(this.#floor)) this.#transmit(this.#floor);
    this.#joined = true;
    for (const message of waiting) this.#transmit(message);
    this.#setState({ state: 'open' });
    this.#pump();
    this.#watch();
  }

  /** @param {number} code */
  #onClose(code) {
    const fault = this.#fault;
    const resuming = this.#resume !== undefined && !this.#welcomed;
    if (this.#welcomed) {
      this.#lostAt = this.#env.now();
      if (this.#lostAt - this.#openedAt >= STABLE_AFTER_MS) this.#failures = 0;
    }
    this.#drop();
    if (code === RESUME_FAILED && resuming) {
      this.#resume = undefined;
      this.#open();
      return;
    }
    const ghost = code === ROOM_FULL && this.#joined && this.#env.now() - this.#lostAt < GHOST_MS;
    if (FINAL.has(code) && !ghost) this.#close({ state: 'closed', code, fault });
    else this.#retry(code, fault);
  }

  /**
   * @param {number} [code]
   * @param {Fault} [fault]
   */
  #retry(code, fault) {
    const backOff = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures);
    this.#failures += 1;
    // Full jitter above the half: a restarted server is not met by everybody at once.
    const jittered = backOff * (0.5 + this.#env.random() / 2);
    const retryInMs = Math.round(Math.max(jittered, (fault?.retry_after ?? 0) * 1000));
    this.#fault = undefined;
    this.#setState({ state: 'reconnecting', retryInMs, code, fault });
    this.#start('retry', () => this.#open(), retryInMs);
  }

  /** The link is dead though the socket does not know it. */
  #onDead() {
    const socket = this.#socket;
    this.#onClose(1006);
    socket?.close();
  }

  /** @param {StateDetail} detail */
  #close(detail) {
    const socket = this.#socket;
    this.#drop();
    socket?.close(NORMAL);
    this.#stop('retry');
    this.#waiting = [];
    this.#unlisten();
    this.#setState(detail);
  }

  /** Forgets the socket and its timers. */
  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    this.#welcomed = false;
    this.#deadline = Infinity;
    this.#stop('watch');
    this.#stop('pump');
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
  }

  /** Looks at the link when something is due. */
  #watch() {
    this.#stop('watch');
    const now = this.#env.now();
    if (this.#welcomed && now >= this.#heardAt + DEAD_AFTER_MS) this.#deadline = Math.min(this.#deadline, now);
    if (now >= this.#deadline) {
      this.#onDead();
      return;
    }
    let next = this.#deadline;
    if (this.#welcomed) {
      if (now >= Math.max(this.#heardAt, this.#pingedAt) + PING_AFTER_MS) this.#ping(now);
      next = Math.min(next, this.#heardAt + DEAD_AFTER_MS, Math.max(this.#heardAt, this.#pingedAt) + PING_AFTER_MS);
    }
    this.#start('watch', () => this.#watch(), Math.max(1, next - now));
  }

  /** @param {number} now */
  #ping(now) {
    this.#pingedAt = now;
    this.#pings += 1;
    this.#transmit({ type: 'ping', id: this.#pings });
  }

  /** The browser says that something changed: find out now, not after ten seconds. */
  #probe() {
    const now = this.#env.now();
    if (!this.#welcomed) {
      this.#failures = 0;
      // An attempt that just began has the new network already.
      if (!this.#socket || now - this.#triedAt >= 1_000) this.#open();
    } else {
      this.#ping(now);
      this.#deadline = Math.min(this.#deadline, now + PROBE_MS);
      this.#watch();
    }
  }

  #listen() {
    const { window, document } = this.#env;
    const probe = () => this.#probe();
    const shown = () => document?.visibilityState !== 'hidden' && this.#probe();
    for (const event of ['online', 'offline', 'pageshow']) window?.addEventListener(event, probe);
    document?.addEventListener('visibilitychange', shown);
    this.#unlisten = () => {
      for (const event of ['online', 'offline', 'pageshow']) window?.removeEventListener(event, probe);
      document?.removeEventListener('visibilitychange', shown);
    };
  }

  #pump() {
    this.#timers.pump = null;
    if (!this.#welcomed || !this.#socket) return;
    for (const bytes of this.#uplink.take(this.#env.now())) {
      this.#socket.send(bytes);
      this.stats.packets += 1;
      this.stats.bytes += bytes.byteLength;
    }
    const wait = this.#uplink.waitMs();
    if (wait !== null) this.#start('pump', () => this.#pump(), Math.max(20, wait));
  }

  /** @param {ClientMessage} message */
  #transmit(message) {
    if (this.#socket?.readyState !== 1) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  /** @param {StateDetail} detail */
  #setState(detail) {
    this.state = detail.state;
    this.#emit('state', detail);
  }

  /** @param {'state'|'message'|'frame'} type @param {StateDetail|ServerMessage|Frame} detail */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** @param {'watch'|'retry'|'pump'} name @param {() => void} callback @param {number} ms */
  #start(name, callback, ms) {
    this.#stop(name);
    this.#timers[name] = this.#env.setTimeout(callback, ms);
  }

  /** @param {'watch'|'retry'|'pump'} name */
  #stop(name) {
    if (this.#timers[name] !== null) this.#env.clearTimeout(this.#timers[name]);
    this.#timers[name] = null;
  }
}
