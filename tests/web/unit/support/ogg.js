/**
 * @file Opus packets out of an Ogg file: what the tests have as recordings.
 */

/**
 * @param {Uint8Array} file
 * @returns {Uint8Array[]} the audio packets, without the two headers
 */
export function packetsOf(file) {
  const packets = [];
  /** @type {number[]} */
  let packet = [];
  for (let page = 0; page + 27 <= file.length; ) {
    const segments = file.subarray(page + 27, page + 27 + file[page + 26]);
    let at = page + 27 + segments.length;
    for (const size of segments) {
      packet.push(...file.subarray(at, at + size));
      at += size;
      // A segment that is not full ends the packet.
      if (size < 255) {
        packets.push(Uint8Array.from(packet));
        packet = [];
      }
    }
    page = at;
  }
  return packets.slice(2);
}
