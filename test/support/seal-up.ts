// Adds seals to what a source sends, as on the wire: one behind each piece.

import { createSealer } from '../../src/wire/line-seals.js';

export function sealUp(...pieces: (string | Uint8Array)[]): Buffer {
  const seal = createSealer();
  return Buffer.concat(pieces.map((piece) => Buffer.from(piece)).flatMap((piece) => [piece, seal([piece])]));
}

/** Seals the header's line and the rest of a listing separately, as an agent does. */
export function sealListing(listing: string | Uint8Array): Buffer {
  const bytes = Buffer.from(listing);
  const end = bytes.indexOf('\n') + 1 || bytes.length;
  return sealUp(bytes.subarray(0, end), ...(end < bytes.length ? [bytes.subarray(end)] : []));
}
