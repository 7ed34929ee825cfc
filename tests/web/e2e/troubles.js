/**
 * @file Scenario 4: what goes wrong on a market day: a reload in mid-sentence, 20 s without a network, a server that restarts.
 */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { line, seconds } from './support/audio.js';
import { complete } from './support/phone.js';
import { report } from './support/report.js';
import { errorRate } from './support/score.js';
import { eventually } from './support/stall.js';

/** What a browser writes to its console when a connection breaks; what the tests break on purpose is no complaint. */
const BROKEN = /WebSocket connection|Failed to load resource|ERR_/;

/** @param {import('./support/phone.js').Phone[]} phones */
function forgive(...phones) {
  for (const phone of phones) phone.complaints = phone.complaints.filter((text) => !BROKEN.test(text));
}

/** Every caption line on the page appears once. @param {import('./support/phone.js').Phone} phone */
async function assertOnce(phone) {
  for (const kind of /** @type {const} */ (['source', 'translation'])) {
    const lines = (await phone.captions(kind)).map(({ utterance, text }) => `${utterance}: ${text}`);
    assert.equal(new Set(lines).size, lines.length, `${phone.name} is shown something twice: ${lines.join(' | ')}`);
  }
}

/**
 * What was made of a recording, once it and its translation are complete and on the page, whatever else is said meanwhile.
 * @param {import('./support/phone.js').Phone} phone
 * @param {string} id
 * @param {number} from which message on
 */
async function interpretation(phone, id, from) {
  const { lang, text } = line(id);
  /** @param {'source' | 'translation'} kind @param {(said: import('./support/phone.js').Said) => boolean} wanted */
  const shown = async (kind, wanted) => {
    const said = complete(phone.messages.slice(from), kind).find(wanted);
    const onPage = said && (await phone.captions(kind)).some((c) => c.utterance === String(said.utterance) && c.text === said.text);
    return onPage ? said : undefined;
  };
  return eventually(`${phone.name} is shown ${id} and its translation`, async () => {
    const source = await shown('source', (said) => errorRate(lang, text, said.text) <= 0.35);
    const translation = source && (await shown('translation', ({ utterance }) => utterance === source.utterance));
    return translation && { source, translation };
  }, 120_000);
}

/** @param {import('./support/stall.js').Stall} stall */
export function troubles(stall) {
  stall.step('a reload in mid-sentence loses neither the conversation nor the sentence', async () => {
    const { merchant, buyer } = stall;
    const before = (await buyer.captions('translation')).length;
    const from = [merchant.messages.length, buyer.messages.length];
    await merchant.speak(0.3, 'd17', 2);
    await sleep(2000);
    await buyer.reload();
    await buyer.returned();
    const resumed = buyer.messages.slice(from[1]).find((m) => m.type === 'welcome');
    assert.ok(resumed?.resumed, 'the session goes on');
    const [translated] = await merchant.spoken('translation', 1, from[0]);
    await eventually('the buyer sees the sentence', async () => (await buyer.captions('translation')).some(({ text }) => text === translated.text), 30_000);
    assert.equal((await buyer.captions('translation')).length, before + 1, 'what was said before the reload is still there');
    await assertOnce(buyer);
    await eventually('the merchant sees the buyer again', async () => (await merchant.get('peer-state').getAttribute('data-state')) === 'here');
    await buyer.silent(from[1]);
    await merchant.silent(from[0]);
    // A page that was reloaded in its own sentence speaks on afterwards: what was cut ends where it was cut.
    const cut = buyer.messages.length;
    await merchant.speak(0.3, 'd03');
    await sleep(2500);
    await merchant.reload();
    await merchant.returned();
    await buyer.spoken('source', 1, cut);
    const [talking, after] = [merchant.messages.length, buyer.messages.length];
    await merchant.speak(0.5, 'd39', 2);
    await interpretation(merchant, 'd39', talking);
    await interpretation(buyer, 'd39', after);
    // From the cut sentence on: some of it may have been spoken before the next one began.
    await buyer.silent(cut);
    await assertOnce(merchant);
    forgive(merchant, buyer);
  });

  stall.step('20 s without a network: both are told, what was said meanwhile arrives once', async () => {
    const { merchant, buyer, wires } = stall;
    const from = { merchant: merchant.messages.length, buyer: buyer.messages.length };
    const frames = buyer.frames;
    await buyer.speak(0.5, 'd02', 2);
    await sleep(500 + seconds('d02') * 500);
    // In the middle of the buyer's sentence.
    wires.buyer.cut();
    await buyer.context.setOffline(true);
    const cut = Date.now();
    await merchant.speak(1, 'd19', 2);
    const noticed = eventually('the buyer is told', async () => (await buyer.get('state').getAttribute('data-state')) === 'reconnecting').then(() => Date.now() - cut);
    const seen = eventually('the merchant is told', async () => (await merchant.get('peer-state').getAttribute('data-state')) === 'away').then(() => Date.now() - cut);
    report('cut noticed: own page, other page (must: within 10 s)', `${((await noticed) / 1000).toFixed(1)} s, ${((await seen) / 1000).toFixed(1)} s`);
    await stall.look(buyer, '20-reconnecting');
    await stall.look(merchant, '21-partner-away');
    await sleep(Math.max(0, 20_000 - (Date.now() - cut)));
    wires.buyer.restore();
    await buyer.context.setOffline(false);
    const back = Date.now();
    await buyer.talking();
    report('back after the network', `${((Date.now() - back) / 1000).toFixed(1)} s`);
    const welcome = buyer.messages.slice(from.buyer).find((m) => m.type === 'welcome');
    assert.ok(welcome?.resumed, 'the session goes on');
    // The merchant's sentence was said during the cut, the buyer's was cut in half: both arrive whole, once.
    for (const id of ['d19', 'd02']) {
      assert.deepEqual(await interpretation(buyer, id, from.buyer), await interpretation(merchant, id, from.merchant));
    }
    await buyer.silent(from.buyer);
    assert.ok(buyer.frames > frames, 'the speech of the cut is heard after it');
    await assertOnce(buyer);
    await assertOnce(merchant);
    await eventually('they see each other', async () => (await merchant.get('peer-state').getAttribute('data-state')) === 'here');
    forgive(merchant, buyer);
  }, { timeout: 400_000 });

  stall.step('the server restarts: both come back by themselves and talk on', async () => {
    const { merchant, buyer, server } = stall;
    const shown = await buyer.captions('translation');
    await server.stop();
    await eventually('the page says so', async () => (await buyer.get('state').getAttribute('data-state')) === 'reconnecting');
    await stall.look(buyer, '22-server-restarting');
    await server.start();
    for (const phone of [merchant, buyer]) {
      await phone.page.waitForFunction(() => /** @type {any} */ (window).tongchuan.connection?.state === 'open', undefined, { timeout: 60_000 });
      await eventually(`${phone.name} sees the other`, async () => (await phone.get('peer-state').getAttribute('data-state')) === 'here', 60_000);
    }
    assert.deepEqual((await buyer.captions('translation')).slice(0, shown.length), shown, 'the conversation is still there');
    const { sources } = await stall.talk(merchant, ['d39']);
    assert.ok(errorRate('zh', line('d39').text, sources[0].text) <= 0.35, JSON.stringify(sources));
    forgive(merchant, buyer);
  }, { timeout: 400_000 });
}
