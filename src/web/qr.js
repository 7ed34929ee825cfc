/** @file The QR code of a join link, as an SVG that any phone reads: black on white, with its quiet zone, whatever the theme.
 *
 * The link is drawn and never written: no attribute, no text of the page contains it. Loads the vendored generator only when a code is
 * needed (the buyer never does). Used by view-invite.js.
 */

import { picture } from './dom.js';

/** Modules of white around the code (ISO/IEC 18004 asks for 4). */
const QUIET = 4;

/**
 * The dark modules as one SVG path, and the side of the square in modules.
 * @param {string} text
 * @returns {Promise<{path: string, size: number}>}
 */
export async function modules(text) {
  const { correction, generate } = await import('./vendor/lean-qr.mjs');
  // The smallest version that fits; at least M: 15 % of the code may be hidden by glare or a thumb.
  const code = generate(text, { minCorrectionLevel: correction.M });
  const count = code.size;
  let path = '';
  for (let row = 0; row < count; row++) {
    for (let column = 0; column < count; column++) {
      let run = 0;
      while (column + run < count && code.get(column + run, row)) run++;
      if (run > 0) path += `M${column + QUIET} ${row + QUIET}h${run}v1h-${run}z`;
      column += run;
    }
  }
  return { path, size: count + 2 * QUIET };
}

/** The picture. @param {string} text @param {string} label for screen readers */
export async function qrCode(text, label) {
  const { path, size } = await modules(text);
  return picture(path, size, { class: 'qr', role: 'img', 'aria-label': label, 'data-testid': 'qr', 'shape-rendering': 'crispEdges' });
}
