/** @file One person's visit: ties connection, microphone, loudspeaker, conversation and state together.
 *
 * Owns the order in which they start, what is kept for a reload, invitations and hold-to-talk. Knows nothing of the DOM: it announces
 * `change` (the state), `line` (a caption grew), `level` (how loud the microphone is) and `invitation`. app.js makes it, the views call it.
 */

import { Capture } from './capture.js';
import { Conversation } from './captions.js';
import { Connection } from './connection.js';
import { RoomError, joinLink, makeRoom } from './invitation.js';
import { Playback } from './playback.js';
import { saveSession } from './settings.js';
import { canTalk, initial, isSilenced, peerState, reduce } from './state.js';

/** @typedef {import('./settings.js').Settings} Settings */
/** @typedef {import('./invitation.js').Join} Join */
/** @typedef {import('./invitation.js').Invitation} Invitation */
/** @typedef {import('./state.js').Event} Event */

/** The last sound is still on its way through the encoder when the finger is lifted. */
const RELEASE_MS = 150;
/** How often the running conversation is kept at most; also at once when the page is hidden. */
const KEEP_MS = 1000;
/** A new invitation is asked for when the old one has this long left. */
const RENEW_MS = 60_000;
/** A browser that lets sound play has done so by then. */
const UNLOCK_MS = 1500;
/** A tip about one sentence is read in this time. */
const NOTICE_MS = 6000;

export class Session extends EventTarget {
  /** @type {Connection | null} */
  connection = null;
  /** @type {Invitation | null} */
  invitation = null;
  #keepTimer = 0;
  #renewTimer = 0;
  #retryTimer = 0;
  #noticeTimer = 0;
  #releaseTimer = 0;
  #asked = false;

  /** @param {Settings} settings @param {Join | null} join how one came here; null: a merchant who makes a room @param {{codec?: string | null}} [options] */
  constructor(settings, join, { codec } = {}) {
    super();
    this.settings = settings;
    this.join = join;
    this.forceWasm = codec === 'wasm';
    this.state = initial(join?.role ?? 'merchant');
    this.conversation = new Conversation(Date.now());
    this.capture = new Capture();
    this.playback = new Playback({ forceWasm: this.forceWasm });
    /** For tests and diagnosis: when one could talk (milliseconds since the page began to load), and what playback added. @type {{talkAt: number, addedLatencyMs: number[]}} */
    this.stats = { talkAt: 0, addedLatencyMs: [] };
    this.#listen();
    this.applyVolume();
  }

  /** @param {Event} event */
  dispatch(event) {
    const before = this.state;
    this.state = reduce(before, event);
    this.playback.duck(this.state.speaking);
    this.dispatchEvent(new CustomEvent('change', { detail: { before, state: this.state, event } }));
  }

  #listen() {
    const { capture, playback } = this;
    capture.addEventListener('packet', (event) => {
      const packet = /** @type {CustomEvent} */ (event).detail;
      // Alone in the room there is nobody to interpret for: nothing leaves the device.
      if (this.state.peers.length > 0) this.connection?.sendPacket(packet.data, packet);
    });
    capture.addEventListener('state', (event) => {
      const mic = /** @type {CustomEvent} */ (event).detail;
      this.dispatch({ type: 'mic', mic });
      // Most browsers let a page that hears play sound without another tap: what was blocked before gets another try.
      if (mic.state === 'on' && isSilenced(this.state)) this.unlock();
      this.#noteReady();
    });
    capture.addEventListener('level', (event) => {
      const { db, speaking } = /** @type {CustomEvent} */ (event).detail;
      if (speaking !== this.state.speaking && this.state.mic.state === 'on') this.dispatch({ type: 'speaking', speaking });
      this.dispatchEvent(new CustomEvent('level', { detail: db }));
    });
    playback.addEventListener('state', (event) => {
      const { state, utterance } = /** @type {CustomEvent} */ (event).detail;
      this.dispatch({ type: 'audio', state, utterance });
    });
    playback.addEventListener('played', (event) => {
      const added = /** @type {CustomEvent} */ (event).detail.addedLatencyMs;
      if (typeof added === 'number') this.stats.addedLatencyMs = [...this.stats.addedLatencyMs.slice(-499), added];
    });
  }

  /** The one tap: microphone, sound, room, connection, all at once. Must be called in the tap's handler. */
  async start() {
    this.#openAudio();
    await this.#enter();
  }

  #openAudio() {
    // Both ask for the person's tap, so neither may wait for the other. What fails is said by their `state` events.
    this.unlock();
    this.startMicrophone();
  }

  /** Sound, where the browser wants a tap for it. Without one it may stay silent and say nothing: then the page says it. */
  unlock() {
    const patience = new Promise((resolve) => setTimeout(resolve, UNLOCK_MS));
    const told = () => {
      const { state, utterance } = this.playback.state;
      if (state !== this.state.audio) this.dispatch({ type: 'audio', state, utterance });
    };
    Promise.race([this.playback.unlock(), patience]).then(told, told);
  }

  /** Asks for the microphone, again where it was refused before. */
  startMicrophone() {
    if (this.state.mic.state !== 'off') this.capture.stop();
    Promise.resolve(this.capture.start({ forceWasm: this.forceWasm })).catch(() => {});
  }

  async #enter() {
    clearTimeout(this.#retryTimer);
    this.dispatch({ type: 'join' });
    try {
      if (!this.join) {
        const room = await makeRoom(location.origin, Date.now());
        this.join = room.join;
        this.#setInvitation(room.invitation);
      }
    } catch (error) {
      const { kind, retryAfter } = error instanceof RoomError ? error : new RoomError('unreachable', 3);
      this.#retryIn(kind, retryAfter);
      return;
    }
    const { room, token, role } = this.join;
    const { language, hear, voice } = this.settings;
    const hello = { room, token, role, speak: language ?? 'auto', hear: hear ?? language ?? 'en', voice };
    this.#connect(new Connection({ url: sessionUrl(), hello }));
  }

  /** @param {import('./state.js').ProblemKind} kind @param {number} seconds 0: wait for the person */
  #retryIn(kind, seconds) {
    clearTimeout(this.#retryTimer);
    this.dispatch({ type: 'problem', kind, retryAt: seconds > 0 ? Date.now() + seconds * 1000 : null });
    if (seconds > 0) this.#retryTimer = window.setTimeout(() => this.#enter(), seconds * 1000);
  }

  /** After a problem: once more, with the same invitation. */
  retry() {
    if (this.state.mic.state === 'off') this.#openAudio();
    return this.#enter();
  }

  /** @param {Connection} connection */
  #connect(connection) {
    this.connection = connection;
    const present = () => this.connection === connection;
    connection.addEventListener('state', (event) => {
      if (!present()) return;
      const { state, retryInMs, code, fault } = /** @type {CustomEvent} */ (event).detail;
      this.dispatch({ type: 'link', state, code, fault: fault?.code ?? null, retryAt: retryInMs === undefined ? null : Date.now() + retryInMs });
      if (state === 'closed' && this.state.phase === 'problem') this.#onRefused();
    });
    connection.addEventListener('message', (event) => {
      if (present()) this.#onMessage(/** @type {CustomEvent} */ (event).detail);
    });
    connection.addEventListener('frame', (event) => {
      if (present()) this.playback.frame(/** @type {CustomEvent} */ (event).detail);
    });
    connection.connect();
  }

  #onRefused() {
    this.connection = null;
    if (this.state.problem?.kind === 'busy') this.#retryIn('busy', 5);
    else this.capture.stop();
    // A dead room is not asked for again: the merchant's next start makes a new one.
    if (this.state.role === 'merchant' && this.state.problem?.kind !== 'busy') this.join = null;
    this.keep();
  }

  /** @param {any} message */
  #onMessage(message) {
    switch (message.type) {
      case 'welcome':
        this.#onWelcome(message);
        break;
      case 'speech_start':
        this.playback.speechStart(message);
        break;
      case 'speech_end':
        this.playback.speechEnd(message);
        this.#showLine(this.conversation.find(message.utterance));
        break;
      case 'invitation':
        this.#asked = false;
        this.#setInvitation({ base: this.invitation?.base ?? location.origin, token: message.token, expiresAt: Date.now() + message.expires_in * 1000 });
        break;
      default:
        this.dispatch({ type: 'message', message });
        this.#tip(message);
    }
    const line = this.conversation.apply(message, this.state.me, Date.now());
    if (line) {
      this.#showLine(line);
      this.#keepSoon();
    }
  }

  /** @param {import('./captions.js').Line | null} line */
  #showLine(line) {
    if (line) this.dispatchEvent(new CustomEvent('line', { detail: line }));
  }

  /** @param {any} welcome */
  #onWelcome(welcome) {
    if (!welcome.resumed) {
      this.conversation.newEpoch();
      this.playback.endStreams();
    }
    this.dispatch({ type: 'message', message: welcome });
    this.dispatchEvent(new CustomEvent('lines'));
    // A new participant has an open microphone; the button says otherwise.
    if (!welcome.resumed && this.state.hold) this.connection?.send({ type: 'floor', held: this.state.held });
    this.keep();
    this.renewInvitation();
    this.#noteReady();
  }

  /** Messages about one sentence go away by themselves. @param {any} message */
  #tip(message) {
    if (message.type === 'error' ? message.fatal : message.type !== 'notice') return;
    clearTimeout(this.#noticeTimer);
    this.#noticeTimer = window.setTimeout(() => this.dispatch({ type: 'notice', notice: null }), NOTICE_MS);
  }

  #noteReady() {
    const ready = canTalk(this.state);
    if (ready && this.stats.talkAt === 0) this.stats.talkAt = performance.now();
  }

  // What a person does.

  /** @param {boolean} muted */
  setMuted(muted) {
    this.dispatch({ type: 'mute', muted });
    this.#applyMicrophone();
  }

  /** Hold-to-talk: pressed or released. @param {boolean} held */
  hold(held) {
    if (this.state.hold && this.state.held === held) return;
    clearTimeout(this.#releaseTimer);
    this.dispatch({ type: 'hold', held });
    const tell = () => {
      this.#applyMicrophone();
      this.connection?.send({ type: 'floor', held });
    };
    if (held) tell();
    else this.#releaseTimer = window.setTimeout(tell, RELEASE_MS);
  }

  /** Back from hold-to-talk to an open microphone. */
  openMicrophone() {
    clearTimeout(this.#releaseTimer);
    this.dispatch({ type: 'open' });
    this.#applyMicrophone();
    this.connection?.send({ type: 'floor', held: null });
  }

  #applyMicrophone() {
    const { muted, hold, held } = this.state;
    this.capture.setMuted(hold ? !held : muted);
  }

  /** Says what was typed. @param {string} text */
  say(text) {
    const words = text.trim();
    if (words === '' || !this.connection) return false;
    this.connection.send({ type: 'say', lang: this.settings.language ?? 'en', text: words.slice(0, 500) });
    return true;
  }

  /** Languages or voice were changed in the settings: the server learns it. @param {{speak?: string, hear?: string, voice?: 'female' | 'male'}} change */
  changeLanguage(change) {
    this.connection?.send({ type: 'language', ...change });
    this.connection?.update(change);
    this.dispatchEvent(new CustomEvent('lines'));
    this.keep();
  }

  applyVolume() {
    this.playback.setVolume(this.settings.readOnly ? 0 : this.settings.volume);
  }

  /** @param {import('./captions.js').Line} line @param {string} lang */
  replay(line, lang) {
    return this.canReplay(line, lang) && this.playback.replay(line.utterance, lang);
  }

  /** @param {import('./captions.js').Line} line @param {string} lang */
  canReplay(line, lang) {
    return line.epoch === this.conversation.epoch && this.playback.has(line.utterance, lang);
  }

  leave() {
    this.connection?.leave();
    this.connection = null;
    this.capture.stop();
    this.playback.stop();
    for (const timer of [this.#renewTimer, this.#retryTimer, this.#noticeTimer, this.#releaseTimer]) clearTimeout(timer);
    this.invitation = null;
    this.join = null;
    this.dispatch({ type: 'leave' });
    this.keep();
  }

  /** Forgets the conversation and goes back to the first page. @param {'merchant' | 'buyer'} role */
  reset(role) {
    if (this.state.phase !== 'left') this.leave();
    this.conversation = new Conversation(Date.now());
    saveSession(null);
    this.dispatch({ type: 'reset', role });
  }

  // Invitations.

  /** The link to draw, while it lets somebody in. */
  get link() {
    const { invitation, join } = this;
    if (!invitation || !join || invitation.expiresAt <= Date.now()) return null;
    return joinLink(invitation.base, join.room, invitation.token);
  }

  /** @param {Invitation} invitation */
  #setInvitation(invitation) {
    this.invitation = invitation;
    this.dispatchEvent(new CustomEvent('invitation'));
    this.renewInvitation();
    this.keep();
  }

  /** Sees to it that a merchant who waits has an invitation that works. */
  renewInvitation() {
    clearTimeout(this.#renewTimer);
    if (this.state.role !== 'merchant' || this.state.phase !== 'room') return;
    const left = (this.invitation?.expiresAt ?? 0) - Date.now() - RENEW_MS;
    if (left > 0) {
      this.#renewTimer = window.setTimeout(() => this.renewInvitation(), left);
    } else if (!this.#asked && peerState(this.state) !== 'here') {
      this.#asked = this.connection?.send({ type: 'invite' }) ?? false;
    }
  }

  /** A fresh invitation, for somebody who asked to see the code. */
  invite() {
    this.connection?.send({ type: 'invite' });
  }

  // What survives a reload.

  #keepSoon() {
    this.#keepTimer ||= window.setTimeout(() => this.keep(), KEEP_MS);
  }

  /** Keeps the visit on the device, words and place in the conversation at the same moment. */
  keep() {
    clearTimeout(this.#keepTimer);
    this.#keepTimer = 0;
    const { muted, hold, role, met, phase } = this.state;
    saveSession({
      connection: this.connection && phase === 'room' ? this.connection.snapshot() : null,
      conversation: this.conversation.keep(), join: this.join, invitation: this.invitation, muted, hold, role, met,
    });
  }

  /** Goes on where the page was before its reload. @param {any} kept @returns {boolean} whether there was a conversation to go on with */
  restore(kept) {
    this.conversation = Conversation.restore(kept?.conversation, Date.now());
    this.join = this.join ?? kept?.join ?? null;
    this.invitation = kept?.invitation ?? null;
    this.state = { ...this.state, role: kept?.role ?? this.state.role, met: kept?.met === true, muted: kept?.muted === true, hold: kept?.hold === true };
    if (!kept?.connection) return false;
    this.dispatch({ type: 'join' });
    this.#connect(Connection.restore(kept.connection));
    this.#openAudio();
    this.#applyMicrophone();
    return true;
  }
}

function sessionUrl() {
  return `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/v1/session`;
}
