/**
 * @file Scenario 5: doors that stay shut or open differently: a denied microphone, an expired or forged link, a full room, a browser without
 * an Opus encoder, other screens and scripts; and what must be in no log.
 */
import assert from 'node:assert/strict';
import { Phone } from './support/phone.js';
import { eventually } from './support/stall.js';
import { interpreted } from './talking.js';

/** What chromium writes about a WebSocket that was refused or a token that was: expected here. */
const REFUSED = /WebSocket connection|Failed to load resource/;

/**
 * The code with which the server refuses a join, without a page around it.
 * @param {Phone} phone on a page of the server
 * @param {string} room
 * @param {string} token
 */
async function refusal(phone, room, token) {
  return phone.page.evaluate(async ({ room, token }) => {
    const socket = new WebSocket(`ws://${location.host}/v1/session`, 'tongchuan.v1');
    socket.onopen = () => socket.send(JSON.stringify({ type: 'hello', room, token, speak: 'en', hear: 'en' }));
    const { data } = await new Promise((done) => (socket.onmessage = done));
    return JSON.parse(data).code;
  }, { room, token });
}

/** @param {import('./support/stall.js').Stall} stall */
export function doors(stall) {
  stall.step('the WebAssembly codec carries a conversation both ways', async () => {
    const { merchant, buyer, wires } = stall;
    for (const phone of [merchant, buyer]) await phone.reload(`${stall.wire(phone).url}/?codec=wasm`);
    for (const phone of [merchant, buyer]) {
      await phone.returned();
      await eventually('they see each other', async () => (await phone.get('peer-state').getAttribute('data-state')) === 'here');
      assert.equal(await phone.page.evaluate(() => /** @type {any} */ (window).tongchuan.state.mic.codec), 'wasm');
    }
    assert.ok(wires.merchant.up > 0);
    await interpreted(stall, merchant, ['d19']);
    await interpreted(stall, buyer, ['d28', 'd02']);
  });

  stall.step('a full room, an expired link, a forged one: each says what it is', async () => {
    const { wires, merchant, link } = stall;
    const stranger = await Phone.launch({ name: 'stranger', locale: 'ar', colorScheme: 'dark' });
    try {
      // A third person with a good invitation.
      const room = new URL(link.replace(wires.merchant.url, wires.buyer.url));
      await stranger.page.goto(room.href);
      await stranger.get('start').waitFor();
      assert.equal(await stranger.page.locator('html').getAttribute('dir'), 'rtl');
      await stall.look(stranger, '30-arabic-dark-start');
      await stranger.get('start').click();
      await eventually('the room is full', async () => (await stranger.get('error').getAttribute('data-problem')) === 'full');
      await stall.look(stranger, '31-room-full');

      // Good an hour ago; and one that nobody signed. A person is told the same.
      const fields = new URLSearchParams(room.hash.slice(1));
      const [code, token] = [fields.get('r') ?? '', fields.get('t') ?? ''];
      const now = Math.floor(Date.now() / 1000);
      const bad = { expired: stall.server.token(code, now - 3600), forged: (token[0] === 'A' ? 'B' : 'A') + token.slice(1) };
      for (const [kind, wrong] of Object.entries(bad)) {
        await stranger.page.evaluate(() => sessionStorage.clear());
        await stranger.page.goto('about:blank');
        await stranger.page.goto(`${room.origin}/#r=${code}&t=${wrong}`);
        await stranger.get('start').click();
        await eventually(`the ${kind} link is refused`, async () => (await stranger.get('error').getAttribute('data-problem')) === 'expired');
      }
      await stall.look(stranger, '32-link-expired');
      // The token of the same making that has not expired is good: it is its age that was refused.
      assert.equal(await refusal(stranger, code, stall.server.token(code, now + 60)), 'room_full');
      assert.equal(await refusal(stranger, code, bad.expired), 'bad_token');
      stranger.complaints = stranger.complaints.filter((text) => !REFUSED.test(text));
      assert.deepEqual(stranger.complaints, []);
      assert.equal(await merchant.get('peer-state').getAttribute('data-state'), 'here', 'nobody inside is disturbed');
    } finally {
      await stranger.close();
    }
  });

  stall.step('a denied microphone is explained, and typing still works', async () => {
    const { wires } = stall;
    const shy = await Phone.launch({ name: 'shy', locale: 'en-US', microphone: false });
    try {
      await shy.page.goto(wires.merchant.url);
      await shy.get('start').click();
      await shy.get('error').waitFor();
      assert.equal(await shy.get('error').getAttribute('data-banner'), 'mic-denied');
      await shy.get('qr').waitFor();
      await stall.look(shy, '33-microphone-denied');
      assert.ok(await shy.get('type').isEnabled());
      assert.deepEqual(shy.complaints, []);
    } finally {
      await shy.close();
    }
  });

  stall.step('the page fits every screen it is held on', async () => {
    const { buyer } = stall;
    for (const [name, size] of /** @type {const} */ ([['320', { width: 320, height: 568 }], ['landscape', { width: 740, height: 360 }], ['tablet', { width: 820, height: 1180 }]])) {
      await buyer.page.setViewportSize(size);
      await stall.look(buyer, `40-${name}`);
    }
    await buyer.page.setViewportSize({ width: 360, height: 740 });
    await buyer.page.emulateMedia({ colorScheme: 'dark' });
    await stall.look(buyer, '41-dark');
    await buyer.page.emulateMedia({ colorScheme: 'light' });
  });

  stall.step('who leaves is gone, the other is told; no log has a word or a token of it', async () => {
    const { buyer, merchant, server, link } = stall;
    const words = (await merchant.captions('source')).map(({ text }) => text);
    await buyer.get('menu').click();
    await buyer.get('leave').click();
    await buyer.get('left').waitFor();
    await stall.look(buyer, '50-left');
    await eventually('the merchant is told', async () => (await merchant.get('peer-state').getAttribute('data-state')) === 'gone');
    await stall.look(merchant, '51-partner-left');
    assert.ok(words.length >= 5, 'there was a conversation');
    for (const text of words) assert.ok(!server.log.includes(text), 'what people say is not in the log');
    const secrets = [...merchant.messages, ...buyer.messages].filter((m) => m.type === 'welcome').flatMap((m) => [m.resume, m.token]);
    assert.ok(secrets.length >= 4);
    const join = new URLSearchParams(new URL(link).hash.slice(1)).get('t') ?? assert.fail('no token');
    for (const secret of [...secrets, join]) assert.ok(!server.log.includes(secret), 'no secret is in the log');
  });
}
