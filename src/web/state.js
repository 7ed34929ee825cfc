/** @file What the page knows at a moment, and how each event changes it: a pure function of the old state and the event.
 *
 * No DOM, no socket, no clock. session.js turns what happens (messages, taps, the microphone) into events; the views draw the state. The
 * conversation itself is in captions.js, secrets (tokens) are never in the state.
 */

/**
 * @typedef {{participant: number, role: string, speak: string, hear: string, name?: string, away: boolean}} Peer
 * @typedef {'off' | 'starting' | 'on' | 'muted' | 'interrupted' | 'denied' | 'missing'} MicState
 * @typedef {{state: MicState, echoCancellation: boolean, noiseSuppression: boolean, autoGainControl: boolean, codec: string}} Mic
 *
 * Why the page cannot go on. `wait` and `retry` say how: by itself after `seconds`, or at a tap.
 * @typedef {'insecure' | 'offline' | 'unreachable' | 'expired' | 'elsewhere' | 'full' | 'busy' | 'limited' | 'outdated' | 'lost'} ProblemKind
 * @typedef {{kind: ProblemKind, retryAt: number | null}} Problem
 *
 * @typedef {{
 *   phase: 'start' | 'joining' | 'room' | 'problem' | 'left',
 *   problem: Problem | null,
 *   role: 'merchant' | 'buyer',
 *   room: string | null,
 *   me: number,
 *   link: 'connecting' | 'open' | 'reconnecting' | 'closed',
 *   retryAt: number | null,
 *   restarting: boolean,
 *   peers: Peer[],
 *   met: boolean,
 *   gone: 'bye' | 'lost' | 'closed' | null,
 *   mic: Mic,
 *   audio: 'idle' | 'playing' | 'blocked' | 'interrupted',
 *   playing: number | null,
 *   muted: boolean,
 *   hold: boolean,
 *   held: boolean,
 *   speaking: boolean,
 *   notice: string | null,
 *   languages: string[],
 * }} State
 *
 * @typedef {{type: 'reset', role: 'merchant' | 'buyer'} | {type: 'join'} | {type: 'problem', kind: ProblemKind, retryAt?: number | null} | {type: 'leave'}
 *   | {type: 'link', state: State['link'], retryAt?: number | null, fault?: string | null, code?: number | null}
 *   | {type: 'message', message: any} | {type: 'mic', mic: Partial<Mic>} | {type: 'audio', state: State['audio'], utterance?: number | null}
 *   | {type: 'mute', muted: boolean} | {type: 'hold', held: boolean} | {type: 'open'} | {type: 'speaking', speaking: boolean}
 *   | {type: 'notice', notice: string | null}} Event
 */

/** @param {'merchant' | 'buyer'} role @returns {State} */
export function initial(role) {
  return {
    phase: 'start', problem: null, role, room: null, me: 0, link: 'connecting', retryAt: null, restarting: false, peers: [], met: false, gone: null,
    mic: { state: 'off', echoCancellation: false, noiseSuppression: false, autoGainControl: false, codec: '' },
    audio: 'idle', playing: null, muted: false, hold: false, held: false, speaking: false, notice: null, languages: [],
  };
}

/** What a person is told for each code that ends a connection for good. @type {Record<string, ProblemKind>} */
const FATAL = {
  bad_token: 'expired', room_not_found: 'expired', resume_failed: 'expired', taken_over: 'elsewhere', room_full: 'full', role_taken: 'full', server_full: 'busy',
  shutting_down: 'busy', rate_limited: 'limited', unsupported_version: 'outdated', too_many_errors: 'outdated', hello_expected: 'outdated',
};

/** The same by WebSocket close code, for when no `error` came before it. @type {Record<number, ProblemKind>} */
const CLOSED = { 4000: 'outdated', 4001: 'outdated', 4003: 'expired', 4004: 'expired', 4005: 'full', 4006: 'busy', 4010: 'expired', 4011: 'elsewhere' };

/** @param {State} state @param {Event} event @returns {State} */
export function reduce(state, event) {
  switch (event.type) {
    case 'reset':
      return { ...initial(event.role), languages: state.languages };
    case 'join':
      return { ...state, phase: 'joining', problem: null, link: 'connecting', notice: null };
    case 'problem':
      return { ...state, phase: 'problem', problem: { kind: event.kind, retryAt: event.retryAt ?? null }, held: false };
    case 'leave':
      return { ...state, phase: 'left', problem: null, link: 'closed', peers: [], held: false, speaking: false };
    case 'link':
      return onLink(state, event);
    case 'message':
      return onMessage(state, event.message);
    case 'mic':
      return { ...state, mic: { ...state.mic, ...event.mic }, speaking: event.mic.state && event.mic.state !== 'on' ? false : state.speaking };
    case 'audio':
      return { ...state, audio: event.state, playing: event.state === 'playing' ? (event.utterance ?? state.playing) : null };
    case 'mute':
      return { ...state, muted: event.muted, speaking: false };
    case 'hold':
      return { ...state, hold: true, held: event.held, muted: false, speaking: false };
    case 'open':
      return { ...state, hold: false, held: false, muted: false };
    case 'speaking':
      return { ...state, speaking: event.speaking };
    case 'notice':
      return { ...state, notice: event.notice };
  }
}

/** @param {State} state @param {Extract<Event, {type: 'link'}>} event @returns {State} */
function onLink(state, event) {
  if (state.phase === 'left') return state;
  if (event.state !== 'closed') {
    return { ...state, link: event.state, retryAt: event.retryAt ?? null, restarting: event.state === 'open' ? false : state.restarting || event.fault === 'shutting_down' };
  }
  const kind = (event.fault ? FATAL[event.fault] : undefined) ?? CLOSED[event.code ?? 0] ?? 'lost';
  return { ...state, link: 'closed', phase: 'problem', problem: { kind, retryAt: null }, held: false, speaking: false };
}

/** @param {State} state @param {any} message @returns {State} */
function onMessage(state, message) {
  switch (message.type) {
    case 'welcome': {
      const peers = message.others.map((/** @type {any} */ p) => ({ ...p, away: p.away === true }));
      return {
        ...state, phase: 'room', problem: null, link: 'open', retryAt: null, restarting: false, room: message.room, me: message.participant,
        role: message.role, languages: message.languages, peers, met: state.met || peers.length > 0, gone: peers.length > 0 ? null : state.gone,
      };
    }
    case 'joined': {
      if (message.participant === state.me) return state;
      const { type: _, ...person } = message;
      const peers = [...state.peers.filter((p) => p.participant !== message.participant), { ...person, away: false }];
      return { ...state, peers, met: true, gone: null };
    }
    case 'left': {
      const peers = state.peers.filter((p) => p.participant !== message.participant);
      return { ...state, peers, gone: peers.length === 0 && peers.length < state.peers.length ? message.reason : state.gone };
    }
    case 'away':
    case 'back':
      return { ...state, peers: state.peers.map((p) => (p.participant === message.participant ? { ...p, away: message.type === 'away' } : p)) };
    case 'notice':
      if (message.code === 'shutting_down') return { ...state, restarting: true };
      return message.code === 'behind' ? { ...state, notice: 'behind' } : state;
    case 'error':
      return message.fatal || message.code === 'bad_frame' ? state : { ...state, notice: message.code };
    default:
      return state;
  }
}

/** Where the other person is. @param {State} state @returns {'waiting' | 'here' | 'away' | 'gone'} */
export function peerState(state) {
  if (state.peers.length === 0) return state.met ? 'gone' : 'waiting';
  return state.peers.every((p) => p.away) ? 'away' : 'here';
}

/** Sound that should play does not: a tap of the person's may help. @param {State} state */
export function isSilenced(state) {
  return state.audio === 'blocked' || state.audio === 'interrupted';
}

/** True when words can go out now. @param {State} state */
export function canTalk(state) {
  return state.phase === 'room' && state.link === 'open' && (state.mic.state === 'on' || state.mic.state === 'muted');
}
