/**
 * @file A wire between a browser and the server that can be cut, and that counts what goes through it.
 *
 * A cut drops bytes silently, as a lift does: neither end is told, so sockets stay half open. New connections hang. `restore` lets new
 * connections through; the old ones are gone for good, as after a change from Wi-Fi to cellular. Knows TCP only.
 */
import { connect, createServer } from 'node:net';

export class Wire {
  /** @type {Set<import('node:net').Socket>} */
  #sockets = new Set();
  #cut = false;
  #server;
  /** Bytes from the browser to the server, and back. */
  up = 0;
  down = 0;

  /** @param {() => number} target port of the server */
  constructor(target) {
    this.#server = createServer({ noDelay: true }, (browser) => {
      this.#keep(browser);
      if (this.#cut) return void browser.pause();
      const server = connect({ port: target(), host: '127.0.0.1', noDelay: true });
      this.#keep(server);
      browser.on('data', (bytes) => {
        if (this.#cut) return;
        this.up += bytes.length;
        server.write(bytes);
      });
      server.on('data', (bytes) => {
        if (this.#cut) return;
        this.down += bytes.length;
        browser.write(bytes);
      });
      // The end of one side is the end of the other, but not through a cut wire.
      browser.on('close', () => this.#cut || server.destroy());
      server.on('close', () => this.#cut || browser.destroy());
    });
  }

  /** @param {import('node:net').Socket} socket */
  #keep(socket) {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
  }

  async open() {
    await new Promise((done) => this.#server.listen(0, '127.0.0.1', () => done(null)));
    return this;
  }

  get port() {
    return /** @type {import('node:net').AddressInfo} */ (this.#server.address()).port;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  cut() {
    this.#cut = true;
  }

  restore() {
    this.#cut = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  close() {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}
