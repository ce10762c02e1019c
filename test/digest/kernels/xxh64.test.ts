import { expect, test } from '@jest/globals';
import { xxhash64 } from 'hash-wasm';
import { createXxh64 } from '../../../src/digest/kernels/xxh64.js';

const LE_OF_EMPTY = '99e9d85137db46ef';
const hex = (digest: Uint8Array): string => Buffer.from(digest).toString('hex');
const bigEndian = (digest: Uint8Array): string => hex(digest.slice().reverse());

/** Bytes that differ from their neighbours, so that a stripe read from the wrong place shows. */
const message = (bytes: number): Buffer =>
  Buffer.from(Array.from({ length: bytes }, (_, i) => (i * 131 + (i >> 8)) & 255));

test.each([
  ['', LE_OF_EMPTY],
  ['abc', '990977adf52cbc44'],
])('the digest of %j is the published one, little-endian', (text, digest) => {
  const hasher = createXxh64();
  hasher.update(Buffer.from(text));
  expect(hex(hasher.digest())).toBe(digest);
});

test('every length around stripes, words and bytes has the digest of another implementation', async () => {
  const hasher = createXxh64();
  for (let bytes = 0; bytes <= 200; bytes++) {
    hasher.update(message(bytes));
    expect({ bytes, digest: bigEndian(hasher.digest()) }).toEqual({ bytes, digest: await xxhash64(message(bytes)) });
  }
});

test('a message in pieces is hashed as a whole, in the hasher’s buffer and in other memory', async () => {
  const whole = message(150);
  const expected = await xxhash64(whole);
  const hasher = createXxh64(256);
  for (let cut = 0; cut <= whole.length; cut++)
    for (let again = cut; again <= whole.length; again += 37) {
      whole.copy(hasher.buffer, 5); // at no multiple of a word
      hasher.update(hasher.buffer.subarray(5, 5 + cut));
      hasher.update(whole.subarray(cut, again));
      hasher.update(hasher.buffer.subarray(5 + again, 5 + whole.length));
      expect({ cut, again, digest: bigEndian(hasher.digest()) }).toEqual({ cut, again, digest: expected });
    }
});

test('more bytes from other memory than there is room for are copied in pieces', async () => {
  const long = message(1_000_003);
  const hasher = createXxh64();
  hasher.update(long);
  expect(bigEndian(hasher.digest())).toBe(await xxhash64(long));
});

test('reset forgets the message, and a returned digest does not change', () => {
  const hasher = createXxh64();
  hasher.update(Buffer.alloc(100, 'left over'));
  hasher.reset();
  const digest = hasher.digest();
  hasher.update(Buffer.from('more'));
  hasher.digest();
  expect(hex(digest)).toBe(LE_OF_EMPTY);
});

test('two hashers do not share their state', () => {
  const [one, other] = [createXxh64(), createXxh64()];
  one.update(Buffer.from('abc'));
  expect(hex(other.digest())).toBe(LE_OF_EMPTY);
});
