/** @file Makes src/web/icon-192.png and icon-512.png from icon.svg: `npm run icons` after changing the drawing.
 *
 * The PNG icons are for phones' home screens: full squares (the phone rounds them), so the drawing's rounded corners are filled.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { chromium } from 'playwright-core';

const WEB = new URL('../../../src/web/', import.meta.url);
const svg = readFileSync(new URL('icon.svg', WEB), 'utf8').replace(' rx="112"', '');
const browser = await chromium.launch({ executablePath: process.env.TONGCHUAN_CHROMIUM ?? '/usr/bin/chromium' });
for (const size of [192, 512]) {
  const page = await browser.newPage({ viewport: { width: size, height: size } });
  await page.setContent(`<style>html,body{margin:0}svg{display:block;width:${size}px;height:${size}px}</style>${svg}`);
  writeFileSync(new URL(`icon-${size}.png`, WEB), await page.screenshot());
}
await browser.close();
