// CRC-32C of bytes that were hashed in pieces. Pure.
//
// A CRC is the remainder of its bytes, taken as a polynomial over GF(2), by Castagnoli's: to append n bytes multiplies it by x^8n.

/** Castagnoli's polynomial, bits reversed. Cassandra's `*-Digest.crc32` has another CRC. */
export const CRC32C = 0x82f63b78;

/** x^0: the highest bit stands for the lowest power. */
const ONE = 0x80000000;

/** x^(2^k), enough of them for any length that a number holds exactly. */
const POWERS = powers(64);

function powers(count: number): number[] {
  let power = ONE >>> 1; // x
  return Array.from({ length: count }, () => {
    const last = power;
    power = product(last, last);
    return last;
  });
}

/** Of two polynomials, by the remainder. */
function product(a: number, b: number): number {
  let sum = 0;
  let shifted = b;
  for (let bit = ONE; bit !== 0; bit >>>= 1) {
    if ((a & bit) !== 0) sum ^= shifted;
    shifted = (shifted & 1) === 0 ? shifted >>> 1 : (shifted >>> 1) ^ CRC32C;
  }
  return sum >>> 0;
}

/** x^(8 · bytes) */
function shiftOf(bytes: number): number {
  let shift = ONE;
  for (let left = bytes, k = 3; left > 0; left = Math.floor(left / 2), k++)
    if (left % 2 === 1) shift = product(shift, POWERS[k]!);
  return shift;
}

/** The CRC of some bytes, whose own is `first`, with `bytes` more behind them, whose own is `second`. */
export const appendCrc32c = (first: number, second: number, bytes: number): number =>
  (product(shiftOf(bytes), first) ^ second) >>> 0;
