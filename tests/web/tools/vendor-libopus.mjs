/**
 * @file Makes src/web/vendor/libopus.wasm again from the npm package it comes from: `node tests/web/tools/vendor-libopus.mjs`.
 *
 * The package carries its WebAssembly as text inside a module; we keep the bytes alone, so that the browser compiles them while they
 * arrive and no foreign JavaScript runs on the page. Needs npm and the registry; run by hand when the version changes.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runInNewContext } from 'node:vm';

const PACKAGE = 'libopus-wasm@0.4.0';
const SHA512 = 'k7XznZMcDSgIl7uHdiCdIPaPfVLslf3C90jcJIEiC5OLK2Qy+M2CMmeAokDca6bbYRnSCVZ9/sUEOSfDrX60Qw==';

const vendor = fileURLToPath(new URL('../../../src/web/vendor/', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'libopus-'));
const archive = execFileSync('npm', ['pack', '--silent', PACKAGE], { cwd: folder, encoding: 'utf8' }).trim();
const digest = createHash('sha512').update(readFileSync(join(folder, archive))).digest('base64');
if (digest !== SHA512) throw new Error(`${archive} is not the archive that was reviewed: sha512-${digest}`);
execFileSync('tar', ['xzf', archive], { cwd: folder });

const glue = readFileSync(join(folder, 'package/dist/generated/libopus.generated.mjs'), 'utf8');
const start = glue.indexOf("binaryDecode('") + 'binaryDecode('.length;
let end = start + 1;
while (glue[end] !== "'") end += glue[end] === '\\' ? 2 : 1;
const text = /** @type {string} */ (runInNewContext(glue.slice(start, end + 1)));
// Emscripten's single-file coding: each byte is one character, inverted where it is not a Latin-1 one.
const bytes = Uint8Array.from(text, (character) => {
  const code = character.charCodeAt(0);
  return (~code >> 8) & code;
});
new WebAssembly.Module(bytes);
writeFileSync(join(vendor, 'libopus.wasm'), bytes);

// The exports have one-letter names; the glue says which is which. src/web/libopus.js has this table.
const names = Object.fromEntries([...glue.matchAll(/(_oc_\w+|_malloc|_free)=Module\["\1"\]=wasmExports\["(\w+)"\]/g)].map((m) => [m[1], m[2]]));
process.stdout.write(`${bytes.length} bytes\n${JSON.stringify(names, null, 2)}\n`);
