/**
 * @file Figures that the tests measure and do not assert: collected while they run, printed once at the end.
 */

/** @type {[string, string][]} */
const rows = [];

/** @param {string} what @param {string} value */
export function report(what, value) {
  rows.push([what, value]);
}

/** The `p`-th percentile by nearest rank. @param {number[]} values @param {number} p */
export function percentile(values, p) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(Math.ceil((p / 100) * sorted.length), 1) - 1] ?? NaN;
}

export function printReport() {
  const width = Math.max(0, ...rows.map(([what]) => what.length));
  console.log(['', 'Measured in the browser (this machine, dev profile):', ...rows.map(([what, value]) => `  ${what.padEnd(width)}  ${value}`), ''].join('\n'));
}
