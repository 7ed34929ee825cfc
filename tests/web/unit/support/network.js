/**
 * @file A browser without a browser: virtual time, and WebSockets whose server is the test.
 */

export class Clock {
  now = 1_000_000;
  /** @type {Map<number, {at: number, callback: () => void}>} */
  #timers = new Map();
  #last = 0;

  /** @param {() => void} callback @param {number} ms */
  setTimeout = (callback, ms) => {
    this.#last += 1;
    this.#timers.set(this.#last, { at: this.now + ms, callback });
    return this.#last;
  };

  /** @param {number} timer */
  clearTimeout = (timer) => {
    this.#timers.delete(timer);
  };

  get pending() {
    return this.#timers.size;
  }

  /** Lets time pass; timers fire in order, at their time. @param {number} ms */
  advance(ms) {
    const end = this.now + ms;
    for (;;) {
      const due = [...this.#timers].filter(([, timer]) => timer.at <= end).sort((a, b) => a[1].at - b[1].at || a[0] - b[0])[0];
      if (!due) break;
      this.#timers.delete(due[0]);
      this.now = Math.max(this.now, due[1].at);
      due[1].callback();
    }
    this.now = end;
  }
}

export class FakeSocket {
  binaryType = '';
  readyState = 0;
  /** @type {(() => void) | null} */
  onopen = null;
  /** @type {((event: {data: unknown}) => void) | null} */
  onmessage = null;
  /** @type {((event: {code: number}) => void) | null} */
  onclose = null;
  /** What the client sent: messages as objects, frames as bytes. @type {any[]} */
  sent = [];

  /** @param {string} url @param {string} protocol */
  constructor(url, protocol) {
    this.url = url;
    this.protocol = protocol;
  }

  /** @param {string | Uint8Array} data */
  send(data) {
    if (this.readyState !== 1) throw new Error('not open');
    this.sent.push(typeof data === 'string' ? JSON.parse(data) : data);
  }

  close() {
    this.readyState = 3;
  }

  open() {
    this.readyState = 1;
    this.onopen?.();
  }

  /** From the server. @param {object | Uint8Array<ArrayBuffer>} message */
  receive(message) {
    const data = message instanceof Uint8Array ? message.slice().buffer : JSON.stringify(message);
    this.onmessage?.({ data });
  }

  /** The server, or the network, ends it. @param {number} code */
  end(code) {
    this.readyState = 3;
    this.onclose?.({ code });
  }
}
