/** @file The invitation: a large QR code, the room's code, the link to send, and what to do about the certificate warning.
 *
 * Draws the code again whenever there is a new invitation. Knows nothing of how invitations are made. Used by the room page while one waits
 * and by the menu.
 */

import { button, h, setText } from './dom.js';
import { isLoopback } from './invitation.js';
import { qrCode } from './qr.js';

/** "Scan me", under the code: whoever holds the other phone finds a language they read. */
const CALLS = [['en', 'Scan me'], ['ar', 'امسح الرمز'], ['es', 'Escanéame'], ['fr', 'Scannez-moi'], ['ru', 'Сканируйте'], ['pt', 'Leia o código']];

/** @param {import('./app.js').Context} context */
export function inviteView({ t, session }) {
  const place = h('div', { class: 'qr-place' });
  const code = h('strong', { class: 'room-code', 'data-testid': 'room-code', dir: 'ltr' });
  const note = h('p', { class: 'hint warn-text', hidden: true });
  const said = h('p', { class: 'hint', role: 'status' });
  const send = button('share', { text: t('share_link') }, { class: 'quiet', 'data-testid': 'share-link', onclick: () => sendLink() });
  const element = h(
    'section', { class: 'invite' },
    place,
    h('p', { class: 'calls', 'aria-hidden': 'true' }, ...CALLS.map(([lang, call]) => h('span', { lang, dir: 'auto' }, call ?? ''))),
    h('div', { class: 'invite-words' },
      h('p', {}, t('qr_hint')),
      h('p', { class: 'room-line' }, `${t('room_code')} `, code),
      note,
      send,
      said,
      h('details', {}, h('summary', {}, t('cert_title')), h('p', { class: 'hint' }, t('cert_text'))),
    ),
  );

  async function sendLink() {
    const link = session.link;
    if (!link) return;
    try {
      if (navigator.share) await navigator.share({ url: link });
      else {
        await navigator.clipboard.writeText(link);
        setText(said, t('link_copied'));
      }
    } catch {
      // The person closed the share sheet, or the browser forbids the clipboard: the code is still there.
    }
  }

  let drawn = '';
  async function draw() {
    const link = session.link;
    const room = session.join?.room ?? '';
    setText(code, room);
    send.hidden = link === null;
    note.hidden = !(session.invitation && isLoopback(session.invitation.base));
    setText(note, t('qr_loopback'));
    if (link === drawn) return;
    drawn = link ?? '';
    if (link) {
      const picture = await qrCode(link, `${t('qr_label')}, ${t('room_code')} ${[...room].join(' ')}`);
      if (drawn === link) place.replaceChildren(picture);
    } else {
      place.replaceChildren(h('p', { class: 'hint' }, t('qr_wait')));
      session.renewInvitation();
    }
  }
  session.addEventListener('invitation', draw);
  draw();
  return { element, draw, stop: () => session.removeEventListener('invitation', draw) };
}
