/**
 * @file What browsers have and node 18 (Debian 12) lacks: `CustomEvent`. Loaded before the unit tests; later nodes have their own.
 */
globalThis.CustomEvent ??= /** @type {any} */ (
  class extends Event {
    /** @param {string} type @param {CustomEventInit} [init] */
    constructor(type, init) {
      super(type, init);
      this.detail = init?.detail ?? null;
    }
  }
);
