/** @file The page's start: settings, the way in, one Session, and the view that fits its state.
 *
 * Owns which view is on the page and what the views' actions do. Loaded by index.html; puts `window.tongchuan` there for tests and diagnosis.
 */

import { direction, interfaceLanguage, translator } from './i18n.js';
import { Install, ScreenLock, registerWorker } from './install.js';
import { readJoin } from './invitation.js';
import { TAGS, firstKnown } from './languages.js';
import { Session } from './session.js';
import { loadSession, loadSettings, saveSession, saveSettings } from './settings.js';
import { isSilenced } from './state.js';
import { thisBrowser } from './browser.js';
import { endView } from './view-end.js';
import { roomView } from './view-room.js';
import { startView } from './view-start.js';

/** @typedef {import('./settings.js').Settings} Settings */
/**
 * What every view is given.
 * @typedef {{t: import('./i18n.js').Translate, ui: string, session: Session, settings: Settings, actions: Actions, languages: string[], install: Install}} Context
 * @typedef {ReturnType<typeof makeActions>} Actions
 * @typedef {{element: HTMLElement, update: (state: import('./state.js').State) => void, line?: (line: any) => void, lines?: () => void,
 *   level?: (db: number) => void, showInvitation?: () => void, stop?: () => void}} View
 */

const settings = loadSettings();
const install = new Install();
const screenLock = new ScreenLock();
const kept = loadSession();
const invited = readJoin(location.hash);
const fragment = location.hash;
// The token must not stay in the address bar, in the history, or in what is shared from there.
if (fragment) history.replaceState(null, '', location.pathname + location.search);
const join = invited ?? (kept?.join || null);

if (!settings.language || !TAGS.includes(settings.language)) {
  const guess = firstKnown(navigator.languages, TAGS) ?? 'en';
  // Who opens the server's page sells here: Chinese, until they choose otherwise. Who was invited speaks their phone's language.
  settings.language = (join?.role ?? 'merchant') === 'merchant' ? 'zh' : guess;
}

const session = new Session(settings, invited, { codec: new URLSearchParams(location.search).get('codec') });
const root = /** @type {HTMLElement} */ (document.getElementById('app'));
/** @type {View | null} */
let view = null;
let viewKey = '';
/** Whether the person tapped: from then on the session looks after the connection. */
let started = false;
let probeTimer = 0;

/** The words of the interface; app.js waits for the first ones before it draws anything. @type {{t: import('./i18n.js').Translate, ui: string}} */
let words = { t: await translator(wantedInterface()), ui: wantedInterface() };

function wantedInterface() {
  return interfaceLanguage(settings.ui, settings.language ?? 'en', navigator.languages);
}

/** Draws the page in another language as soon as its words are there. */
async function changeInterface() {
  const ui = wantedInterface();
  if (ui === words.ui) return;
  try {
    words = { t: await translator(ui), ui };
  } catch {
    // Without a connection to load them, the old words stay.
  }
}

/** @returns {Context} */
function context() {
  return { ...words, session, settings, actions, languages: session.state.languages, install };
}

/** Puts the view on the page that the state asks for; the same one is only updated. */
function render() {
  const { state } = session;
  const made = context();
  const name = state.phase === 'room' || (state.phase === 'joining' && session.conversation.lines.length > 0) ? 'room'
    : state.phase === 'problem' || state.phase === 'left' ? `end-${state.phase}-${state.problem?.kind}` : `start-${state.role}`;
  const key = `${name} ${made.ui}`;
  if (key !== viewKey || !view) {
    viewKey = key;
    view?.stop?.();
    const focused = root.contains(document.activeElement);
    document.documentElement.lang = made.t.lang;
    document.documentElement.dir = direction(made.ui);
    view = name === 'room' ? roomView(made, state) : name.startsWith('end') ? endView(made, state) : startView(made, state);
    root.replaceChildren(view.element);
    // Who was on a control that is gone goes on at the new page's heading, not at the top of nowhere.
    if (focused) {
      const heading = root.querySelector('h1');
      heading?.setAttribute('tabindex', '-1');
      heading?.focus({ preventScroll: true });
    }
  } else {
    view.update(state);
  }
  screenLock.want(state.phase === 'room');
}

/** Draws the view anew, for settings that are in every word of it. */
function redraw() {
  viewKey = '';
  render();
}

/** What the views may do. */
function makeActions() {
  const store = () => saveSettings(settings);
  return {
    start() {
      store();
      started = true;
      session.start();
    },
    /** Before the first tap there is only a server to look for. */
    retry: () => (started ? session.retry() : probe()),
    /** @param {string} tag */
    chooseLanguage(tag) {
      // Who changes the language they speak means the one they hear too, unless they had chosen another to hear.
      const hears = settings.hear !== null && settings.hear !== settings.language ? settings.hear : null;
      settings.language = tag;
      settings.hear = hears;
      store();
      session.changeLanguage({ speak: tag, hear: hears ?? tag });
      refreshSheet();
    },
    /** @param {string} tag */
    chooseHear(tag) {
      settings.hear = tag === settings.language ? null : tag;
      store();
      session.changeLanguage({ hear: tag });
    },
    /** @param {'female' | 'male'} voice */
    chooseVoice(voice) {
      settings.voice = voice;
      store();
      session.changeLanguage({ voice });
    },
    /** @param {string} tag */
    chooseInterface(tag) {
      settings.ui = tag;
      store();
      refreshSheet();
    },
    /** @param {number} volume 0 to 1 */
    setVolume(volume) {
      settings.volume = volume;
      settings.readOnly = volume === 0;
      store();
      session.applyVolume();
      render();
    },
    /** @param {boolean} readOnly */
    setReadOnly(readOnly) {
      settings.readOnly = readOnly;
      if (!readOnly && settings.volume === 0) settings.volume = 1;
      store();
      session.applyVolume();
      render();
    },
    unlock: () => session.unlock(),
    showInvitation: () => view?.showInvitation?.(),
    newConversation() {
      started = true;
      session.reset('merchant');
      session.start();
    },
    startAgain: () => session.reset('merchant'),
    leave: () => session.leave(),
    openSecure() {
      location.assign(`https://${location.host}${location.pathname}${location.search}${fragment}`);
    },
  };
}

/** A change made in the open menu redraws the page under it: the menu opens again, with the same control in focus. */
async function refreshSheet() {
  await changeInterface();
  const sheet = /** @type {HTMLDialogElement | null} */ (document.querySelector('dialog.sheet[open]'));
  const focus = document.activeElement?.getAttribute('data-testid');
  const at = sheet?.scrollTop ?? 0;
  redraw();
  if (sheet) /** @type {HTMLElement | null} */ (document.querySelector('[data-testid="menu"]'))?.click();
  const same = focus && /** @type {HTMLElement | null} */ (document.querySelector(`[data-testid="${focus}"]`));
  if (same) same.focus({ preventScroll: true });
  const now = document.querySelector('dialog.sheet[open]');
  if (now) now.scrollTop = at;
}

const actions = makeActions();

session.addEventListener('change', render);
session.addEventListener('line', (event) => {
  if (view?.line) {
    view.line(/** @type {CustomEvent} */ (event).detail);
    view.update(session.state);
  }
});
session.addEventListener('lines', () => view?.lines?.());
let levelFrame = 0;
session.addEventListener('level', (event) => {
  cancelAnimationFrame(levelFrame);
  levelFrame = requestAnimationFrame(() => view?.level?.(/** @type {CustomEvent} */ (event).detail));
});
install.addEventListener('change', render);

// Any tap will do for the sound, not only the one on its button.
document.addEventListener('click', () => {
  if (isSilenced(session.state)) session.unlock();
});

addEventListener('pagehide', () => session.keep());
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'hidden') session.keep();
});
// A second code scanned into the same tab is another conversation.
addEventListener('hashchange', () => {
  if (readJoin(location.hash)) {
    saveSession(null);
    location.reload();
  }
});

/** The first page says at once when it was opened without a network or a server; it comes back by itself. */
async function probe() {
  if (started) return;
  clearTimeout(probeTimer);
  try {
    await fetch('/healthz', { cache: 'no-store' });
    if (session.state.phase === 'problem') session.dispatch({ type: 'reset', role: session.join?.role ?? 'merchant' });
  } catch {
    session.dispatch({ type: 'problem', kind: navigator.onLine ? 'unreachable' : 'offline', retryAt: Date.now() + 3000 });
    probeTimer = window.setTimeout(probe, 3000);
  }
}

/** @type {any} */ (window).tongchuan = {
  get connection() { return session.connection; },
  capture: session.capture,
  playback: session.playback,
  stats: session.stats,
  get state() { return session.state; },
};

if (!window.isSecureContext) {
  render();
  session.dispatch({ type: 'problem', kind: 'insecure' });
} else if (invited && kept?.join && kept.join.room === invited.room && kept.connection) {
  // The same invitation opened again in the same tab: the conversation goes on.
  session.join = null;
  if (!session.restore(kept)) render();
} else if (invited) {
  session.keep();
  render();
  if (thisBrowser() === 'inapp' && !navigator.mediaDevices) history.replaceState(null, '', fragment);
} else if (!session.restore(kept)) {
  session.dispatch({ type: 'reset', role: join?.role ?? 'merchant' });
}
started = session.state.phase === 'joining';
if (session.state.phase === 'start') probe();
registerWorker();
