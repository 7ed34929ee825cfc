/**
 * @file Draws the pictures of the README: the recorded merchant and buyer talk, and each state of interest is written to tests/web/screenshots.
 *
 * Run by `make screenshots`. Not a test; it fails when the conversation does.
 */
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { smaller } from './support/png.js';
import { ROOT, Server } from './support/server.js';
import { Stall } from './support/stall.js';

const PICTURES = join(ROOT, 'tests/web/screenshots');
/** The README is read on slow lines, too. */
const LARGEST = 100_000;

/** @param {import('./support/phone.js').Phone} phone @param {string} name */
async function picture(phone, name) {
  const path = join(PICTURES, `${name}.png`);
  writeFileSync(path, smaller(readFileSync(await phone.screenshot(`readme-${name}`))));
  if (statSync(path).size > LARGEST) throw new Error(`${path} has ${statSync(path).size} bytes, more than ${LARGEST}`);
}

test('pictures of a conversation', { timeout: 400_000 }, async (t) => {
  mkdirSync(PICTURES, { recursive: true });
  const stall = new Stall();
  // An address like the one that a stall would have.
  stall.server = new Server(['--public-url', 'https://stall.example']);
  await stall.open();
  try {
    const { merchant, buyer, wires, server } = stall;
    await merchant.page.goto(wires.merchant.url);
    await merchant.get('start').waitFor();
    await picture(merchant, '1-start');
    await merchant.start();
    await merchant.get('qr').waitFor();
    await picture(merchant, '2-code');
    const link = await merchant.readQr();
    await buyer.page.goto(link.replace('https://stall.example', wires.buyer.url));
    await buyer.start();
    stall.paired = true;
    await stall.talk(buyer, ['d02']);
    await stall.talk(merchant, ['d03']);
    await picture(buyer, '3-buyer');
    await picture(merchant, '4-merchant');
    await merchant.get('fullscreen').last().click();
    await merchant.get('full-words').waitFor();
    await picture(merchant, '5-full-screen');
    t.diagnostic(`pictures in ${PICTURES}, server on port ${server.port}`);
  } finally {
    await stall.close();
  }
});
