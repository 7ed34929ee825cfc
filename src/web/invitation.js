/** @file Join links and rooms: reading the link one came by, making a room on the server, and writing the link for the QR code.
 *
 * The token travels in the fragment (`#r=K7M2QX&t=...`): it reaches neither the server's log nor its address bar for long. Used by session.js.
 */

/** @typedef {{room: string, token?: string, role: 'merchant' | 'buyer'}} Join */
/** @typedef {{base: string, token: string, expiresAt: number}} Invitation the buyer's token and until when it lets somebody in */
/** @typedef {{join: Join, invitation: Invitation}} Room */

/** What a fragment invites to, or null. @param {string} fragment `location.hash` @returns {Join | null} */
export function readJoin(fragment) {
  const fields = new URLSearchParams(fragment.replace(/^#/, ''));
  const room = (fields.get('r') ?? '').toUpperCase().replace(/[\s-]/g, '');
  if (!/^[2-9A-HJ-NP-Z]{6}$/.test(room)) return null;
  const token = fields.get('t') ?? '';
  return /^[\w.~-]{1,512}$/.test(token) ? { room, token, role: 'buyer' } : { room, role: 'buyer' };
}

/** The link that lets the other person in. @param {string} base such as `https://192.168.1.5:8720` @param {string} room @param {string} token */
export function joinLink(base, room, token) {
  return `${base.replace(/\/+$/, '')}/#r=${room}&t=${encodeURIComponent(token)}`;
}

/** True for an address that only this machine reaches. @param {string} base */
export function isLoopback(base) {
  try {
    const { hostname } = new URL(base);
    return hostname === 'localhost' || hostname === '[::1]' || /^127\./.test(hostname);
  } catch {
    return false;
  }
}

/** Why no room was made. */
export class RoomError extends Error {
  /** @param {import('./state.js').ProblemKind} kind @param {number} retryAfter seconds; 0: not by itself */
  constructor(kind, retryAfter) {
    super(`no room: ${kind}`);
    this.kind = kind;
    this.retryAfter = retryAfter;
  }
}

/**
 * Makes a room: `POST /v1/rooms`.
 * @param {string} origin of this page @param {number} now milliseconds @param {typeof fetch} [request] @returns {Promise<Room>}
 */
export async function makeRoom(origin, now, request = fetch) {
  let response;
  try {
    response = await request('/v1/rooms', { method: 'POST' });
  } catch {
    throw new RoomError(globalThis.navigator?.onLine === false ? 'offline' : 'unreachable', 3);
  }
  const wait = Number(response.headers.get('retry-after')) || 0;
  if (response.status === 429) throw new RoomError('limited', 0);
  if (!response.ok) throw new RoomError('busy', wait || 3);
  const made = await response.json();
  return {
    join: { room: made.room, token: made.tokens.merchant, role: 'merchant' },
    invitation: { base: made.join_url ?? origin, token: made.tokens.buyer, expiresAt: now + made.expires_in * 1000 },
  };
}
