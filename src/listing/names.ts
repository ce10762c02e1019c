// Reads the names in a directory, in the order of listings.

import { isUtf8 } from 'node:buffer';
import { readdirSync } from 'node:fs';
import { compareKeys } from '../files/entry.js';

/** Returns the names that are UTF-8; calls `unnameable` with each other one, decoded lossily and as bytes. Throws the system's error. */
export function namesIn(directory: string, unnameable: (mangled: string, bytes: Buffer) => void): string[] {
  const names = readdirSync(directory);
  return inOrder(names.some(isMangled) ? nameable(directory, unnameable) : names);
}

/** Reading a directory as text turns every byte that is not UTF-8 into U+FFFD and may merge names, so it is read again as bytes. */
function nameable(directory: string, unnameable: (mangled: string, bytes: Buffer) => void): string[] {
  const names: string[] = [];
  for (const bytes of readdirSync(directory, { encoding: 'buffer' })) {
    const name = bytes.toString('utf8');
    if (isUtf8(bytes)) names.push(name);
    else unnameable(name, bytes);
  }
  return names;
}

const isMangled = (name: string): boolean => name.includes('\ufffd');

/** JavaScript's own order of strings is much quicker, and is that of their bytes where no name goes beyond U+FFFF. */
const inOrder = (names: string[]): string[] => names.sort(names.some(hasSurrogates) ? compareKeys : undefined);
const hasSurrogates = (name: string): boolean => /[\ud800-\udfff]/.test(name);

/** Escapes a name that is not UTF-8 for people: `\xff` for a byte that is not printable ASCII. */
export const escaped = (bytes: Buffer): string =>
  [...bytes]
    .map((b) => (b < 0x20 || b > 0x7e ? `\\x${b.toString(16).padStart(2, '0')}` : String.fromCharCode(b)))
    .join('');
