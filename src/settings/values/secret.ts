// Reads tokens, private keys and certificates. Refuses a secret that other users of this host could read or could have put there.

import type { Stats } from 'node:fs';
import { getegid, geteuid, getgroups } from 'node:process';
import { errnoOf, LmError, printable } from '../../errors.js';
import { readAccounts, userText } from '../../owners/accounts.js';
import { readRegular, readTrusted } from '../../trust/regular-file.js';

/** A shorter token could be found by trying. */
const MIN_TOKEN = 16;

/** An agent accepts 16 KiB for all header fields of a request, as other servers do. */
const MAX_TOKEN = 4_096;

/** A bearer token: one line of visible ASCII, which an HTTP header can carry. Throws `usage`. */
export function readToken(path: string): string {
  const token = readSecret(path);
  if (!/^[\x21-\x7e]+$/.test(token))
    throw new LmError('token-file', `${printable(path)}: takes one token of visible ASCII characters, without spaces`);
  if (token.length > MAX_TOKEN)
    throw new LmError(
      'token-file',
      `${printable(path)}: got ${token.length} characters, takes a token of ${MAX_TOKEN} at most`,
    );
  if (token.length >= MIN_TOKEN) return token;
  const got = `got ${token.length} ${token.length === 1 ? 'character' : 'characters'}`;
  throw new LmError('token-file', `${printable(path)}: ${got}, takes a token of ${MIN_TOKEN} or more`, {
    hint: `(umask 077; openssl rand -hex 32 > ${printable(path)}), and the same text on the other host`,
  });
}

/** A token or a private key, trimmed. Throws `usage` when the file is empty, unreadable, another user's, or open to group or others. */
export function readSecret(path: string): string {
  return readText(path, () => readRegular(path, SECRET_BYTES, (stat) => judgeSecret(path, stat)));
}

function judgeSecret(path: string, stat: Stats): void {
  refuseOtherOwner(path, stat);
  if (!isOpen(stat)) return;
  const shown = (stat.mode & 0o777).toString(8).padStart(4, '0');
  throw new LmError('not-trusted', `${printable(path)}: mode ${shown} lets others read it, takes 0600 or less`, {
    hint: `chmod 600 ${printable(path)}`,
  });
}

/** Certificates to present, which are no secret. Throws `usage` when the file is empty or unreadable. */
export const readCertificates = (path: string): string => readText(path, () => readRegular(path, CERTIFICATES_BYTES));

/**
 * Certificates to check others by: who can write this file decides which host is accepted as the source, or which clients an agent serves.
 * Throws `usage` when another user could have written it.
 */
export const readAuthorities = (path: string): string => readText(path, () => readTrusted(path, CERTIFICATES_BYTES));

/** A hundred times the longest key, and ten times a system's whole bundle of authorities. */
const SECRET_BYTES = 2 ** 18;
const CERTIFICATES_BYTES = 2 ** 22;

/** The owner of a secret knows it, and can change it. */
function refuseOtherOwner(path: string, { uid }: Stats): void {
  if (uid === 0 || uid === geteuid!()) return;
  throw new LmError(
    'not-trusted',
    `${printable(path)} belongs to ${userText(readAccounts(), uid)}, takes a secret of root or your own`,
    {
      hint: `if it is yours: chown ${geteuid!()} ${printable(path)}`,
    },
  );
}

/** Root may let a group of the caller read it: `fsGroup` gives a Kubernetes Secret to a user in this way. */
function isOpen({ mode, uid, gid }: Stats): boolean {
  const given = uid === 0 && [getegid!(), ...getgroups!()].includes(gid);
  return (mode & (given ? 0o037 : 0o077)) !== 0;
}

function readText(path: string, read: () => Buffer): string {
  try {
    const text = read().toString().trim();
    if (text === '') throw new LmError('token-file', `${printable(path)}: got nothing, takes a file that is not empty`);
    return text;
  } catch (error) {
    if (error instanceof LmError) throw error;
    throw new LmError('token-file', `cannot read ${printable(path)}: ${errnoOf(error)}`, { cause: error });
  }
}
