/**
 * @file The phone page in a real browser against the real server: scenarios in the order of a market day, one server for all.
 *
 * Run by `make web` (part of `make test`). Needs chromium, the debug build and the weights; screenshots go to target/web-screenshots.
 */
import { after, before, describe } from 'node:test';
import { controls } from './controls.js';
import { doors } from './doors.js';
import { pairing } from './pairing.js';
import { printReport } from './support/report.js';
import { Stall } from './support/stall.js';
import { talking } from './talking.js';
import { troubles } from './troubles.js';

describe('two phones at a stall', () => {
  const stall = new Stall();
  before(() => stall.open(), { timeout: 240_000 });
  after(async () => {
    await stall.close();
    printReport();
  });
  pairing(stall);
  talking(stall);
  controls(stall);
  troubles(stall);
  doors(stall);
});
