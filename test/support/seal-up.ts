// What a source says, as it goes over the wire: each piece with its seal.

import { createSealer } from '../../src/wire/line-seals.js';

export function sealUp(...pieces: (string | Uint8Array)[]): Buffer {
  const seal = createSealer();
  return Buffer.concat(pieces.map((piece) => Buffer.from(piece)).flatMap((piece) => [piece, seal([piece])]));
}

/** The header's line and the rest of a listing, sealed one by one as an agent does. */
export function sealListing(listing: string | Uint8Array): Buffer {
  const bytes = Buffer.from(listing);
  const end = bytes.indexOf('\n') + 1 || bytes.length;
  return sealUp(bytes.subarray(0, end), ...(end < bytes.length ? [bytes.subarray(end)] : []));
}
