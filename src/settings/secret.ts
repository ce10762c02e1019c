// Reads the files that prove who somebody is. Refuses a secret that others on this host could read too.

import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { errnoOf, LmError, printable } from '../errors.js';

/** A bearer token: one line of visible ASCII, as an HTTP header can carry it. Throws `usage`. */
export function readToken(path: string): string {
  const token = readSecret(path);
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new LmError('usage', `${printable(path)}: takes one token of visible ASCII characters, without spaces`);
}

/** A token or a private key, trimmed. Throws `usage` when it is empty, unreadable, or open to group or others. */
export function readSecret(path: string): string {
  return readText(path, (mode) => {
    if ((mode & 0o077) === 0) return;
    const shown = (mode & 0o777).toString(8).padStart(4, '0');
    throw new LmError('usage', `${printable(path)}: mode ${shown} lets others read it, takes 0600 or less`, {
      hint: `chmod 600 ${printable(path)}`,
    });
  });
}

/** Certificates, which are no secret. Throws `usage` when empty or unreadable. */
export const readCertificates = (path: string): string => readText(path, () => {});

/** The mode is that of the very file that is read, whatever happens to its name meanwhile. */
function readText(path: string, checkMode: (mode: number) => void): string {
  let fd: number | undefined;
  try {
    fd = openSync(path, 'r');
    checkMode(fstatSync(fd).mode);
    const text = readFileSync(fd, 'utf8').trim();
    if (text === '') throw new LmError('usage', `${printable(path)}: got nothing, takes a file that is not empty`);
    return text;
  } catch (error) {
    if (error instanceof LmError) throw error;
    throw new LmError('usage', `cannot read ${printable(path)}: ${errnoOf(error)}`, { cause: error });
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
