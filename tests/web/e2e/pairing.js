/**
 * @file Scenario 1: the merchant opens the page and taps, the buyer scans what is on the merchant's screen and taps, they see each other.
 */
import assert from 'node:assert/strict';
import { report } from './support/report.js';
import { eventually } from './support/stall.js';

/** @param {import('./support/stall.js').Stall} stall */
export function pairing(stall) {
  stall.step('the merchant opens the page, taps once and sees a code that a camera reads', async () => {
    const { merchant, wires } = stall;
    await merchant.page.goto(wires.merchant.url);
    await merchant.get('start').waitFor();
    assert.equal(await merchant.page.locator('html').getAttribute('lang'), 'zh-Hans');
    assert.equal(await merchant.get('speak-language').inputValue(), 'zh');
    await stall.look(merchant, '01-merchant-start');

    const since = Date.now();
    await merchant.page.reload({ waitUntil: 'commit' });
    report('page load to "you can talk", merchant (must: under 2000 ms)', `${await merchant.start(since)} ms`);
    await merchant.get('qr').waitFor();
    await stall.look(merchant, '02-merchant-code');

    stall.link = await merchant.readQr();
    const room = (await merchant.get('room-code').textContent())?.trim() ?? '';
    assert.match(room, /^[2-9A-HJ-NP-Z]{6}$/);
    const link = new URL(stall.link);
    assert.equal(link.origin, wires.merchant.url, 'the code leads to the address that the page came from');
    assert.equal(link.search, '', 'a query would be in the logs of the server and of every proxy');
    const [, code, token] = /^#r=(\w{6})&t=([\w%.~-]+)$/.exec(link.hash) ?? assert.fail(`not a join link: ${link.hash.length} characters`);
    assert.equal(code, room);
    assert.ok(!(await merchant.page.content()).includes(token), 'the token is drawn, nowhere written');
    assert.ok(!merchant.page.url().includes('#'));
  }, { pairs: true });

  stall.step('the buyer follows the code, taps once, and both see that the other is there', async () => {
    const { merchant, buyer, wires } = stall;
    // The same server by the buyer's own wire.
    const link = stall.link.replace(wires.merchant.url, wires.buyer.url);
    await buyer.page.goto(link);
    await buyer.get('start').waitFor();
    assert.equal(buyer.page.url(), `${wires.buyer.url}/`, 'the token left the address bar');
    assert.equal(await buyer.page.locator('html').getAttribute('lang'), 'en', 'the language of the phone');
    assert.equal(await buyer.get('speak-language').inputValue(), 'en');
    await stall.look(buyer, '03-buyer-start');
    await buyer.page.goto('about:blank');
    const since = Date.now();
    await buyer.page.goto(link, { waitUntil: 'commit' });
    report('page load to "you can talk", buyer (must: under 2000 ms)', `${await buyer.start(since)} ms`);
    for (const phone of [merchant, buyer]) {
      await eventually(`${phone.name} sees the other`, async () => (await phone.get('peer-state').getAttribute('data-state')) === 'here');
    }
    assert.match((await merchant.get('peer-state').textContent()) ?? '', /英/, 'what the other speaks');
    await stall.look(buyer, '04-buyer-paired');
    stall.paired = true;
  }, { pairs: true });
}
