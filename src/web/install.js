/** @file What makes the page an app: service worker, installation, and a screen that stays on while people talk.
 *
 * Each is a luxury: where the browser refuses (a certificate that nobody vouches for, an old browser), everything else works. Used by app.js.
 */

/** Asks the browser to keep the page's shell for when there is no network. */
export function registerWorker() {
  if ('serviceWorker' in navigator && window.isSecureContext) navigator.serviceWorker.register('/sw.js').catch(() => {});
}

/** The browser's offer to install the page, kept until the person wants it. */
export class Install extends EventTarget {
  /** @type {(Event & {prompt: () => Promise<unknown>}) | null} */
  #offer = null;

  constructor() {
    super();
    window.addEventListener('beforeinstallprompt', (event) => {
      event.preventDefault();
      this.#offer = /** @type {any} */ (event);
      this.dispatchEvent(new Event('change'));
    });
    window.addEventListener('appinstalled', () => {
      this.#offer = null;
      this.dispatchEvent(new Event('change'));
    });
  }

  get possible() {
    return this.#offer !== null;
  }

  ask() {
    this.#offer?.prompt().catch(() => {});
    this.#offer = null;
    this.dispatchEvent(new Event('change'));
  }
}

/** Keeps the screen on while `wanted`; browsers let go when the page is hidden, so it is asked for again when it comes back. */
export class ScreenLock {
  #wanted = false;
  /** @type {WakeLockSentinel | null} */
  #lock = null;

  constructor() {
    document.addEventListener('visibilitychange', () => this.#apply());
  }

  /** @param {boolean} wanted */
  want(wanted) {
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    this.#apply();
  }

  async #apply() {
    if (!this.#wanted) {
      this.#lock?.release().catch(() => {});
      this.#lock = null;
    } else if (document.visibilityState === 'visible' && (this.#lock === null || this.#lock.released)) {
      try {
        this.#lock = await navigator.wakeLock.request('screen');
      } catch {
        // Low battery, or a browser without it: the screen goes dark as always.
      }
    }
  }
}
