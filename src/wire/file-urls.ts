// A file's key as the path of a URL, and back: raw wherever the Sidecar needs it raw, so that a target names one file.

import type { EntryKey } from '../files/entry.js';

export const PREFIX = '/api/v1/live-migration';
export const FILES = `${PREFIX}/files`;

/** The components below a root, none of them empty, `.` or `..`; or why there are none. */
export type FilePath = { names: string[] } | { problem: 'malformed' | 'relative' };

/** The Sidecar's name of a file: not percent-encoded, whatever the key holds. */
export const fileUrl = (key: EntryKey): string => `${FILES}/${key}`;

/** The inverse of `fileUrl`; undefined for a URL of another place. */
export const keyOfFileUrl = (url: string): EntryKey | undefined =>
  url.startsWith(`${FILES}/`) ? url.slice(FILES.length + 1) : undefined;

/** Whether every character of this key is one that a URI path may hold as it is. */
export const isRawKey = (key: EntryKey): boolean => RAW_KEY.test(key);

/**
 * Whether a Sidecar serves a key under its URL as it lists it. It decodes the escapes of unreserved characters and takes every other one
 * for a part of the name (`%2B`); what is no URI path, or leads upwards once all of it is decoded, it refuses.
 */
export const isServedRaw = (key: EntryKey): boolean =>
  isRawKey(key) || (URI_PATH.test(key) && decodeUnreserved(key) === key && !UPWARDS.test(key.replace(/%2F/gi, '/')));

/** Whether this end finds a key under its URL as listed: it decodes more escapes than a Sidecar. */
export function isFoundRaw(key: EntryKey): boolean {
  if (isRawKey(key)) return true;
  const sent = fileUrl(key);
  const unreserved = decodeUnreserved(sent);
  const path = toFilePath(sent, unreserved, normalise(unreserved).slice(FILES.length + 1));
  return 'names' in path && path.names.join('/') === key;
}

/** What to ask an `lm` agent for: raw wherever a Sidecar needs it raw, percent-encoded elsewhere. */
export const fileTarget = (key: EntryKey): string =>
  isRawKey(key) ? fileUrl(key) : `${FILES}/${key.split('/').map(encodeName).join('/')}`;

/** RFC 3986 pchar without escapes, and the separator. */
const RAW_KEY = /^[A-Za-z0-9\-._~!$&'()*+,;=:@/]*$/;
const URI_PATH = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*$/;

const UPWARDS = /(?:^|\/)\.\.(?:\/|$)/;

/** Percent-encodes exactly what may not stand raw, so that a file has one target. */
const encodeName = (name: string): string =>
  name.replace(/[^A-Za-z0-9\-._~!$&'()*+,;=:@]+/gu, (run) => encodeURIComponent(run));

/** What Vert.x does before it routes: `%41` becomes `A`, every other escape stays. */
export const decodeUnreserved = (path: string): string =>
  path.replace(/%([0-9A-Fa-f]{2})/g, (sent, hex: string) => {
    const c = String.fromCharCode(Number.parseInt(hex, 16));
    return /[A-Za-z0-9\-._~]/.test(c) ? c : sent;
  });

/** Without dot segments and doubled slashes. */
export function normalise(path: string): string {
  const kept: string[] = [];
  const segments = path.split('/').slice(1);
  for (const segment of segments) {
    if (segment === '..') kept.pop();
    else if (segment !== '' && segment !== '.') kept.push(segment);
  }
  return `/${kept.join('/')}`;
}

/**
 * `sent` is the path as it came, `unreserved` what `decodeUnreserved` made of it, and `rest` the part of that below the root. Escapes of
 * characters that may stand raw stay as they are, as in the Sidecar: `%2B` never finds a `+`. The others are names no Sidecar could
 * serve; they are decoded. So a target names one file.
 */
export function toFilePath(sent: string, unreserved: string, rest: string): FilePath {
  if (!URI_PATH.test(sent)) return { problem: 'malformed' };
  if (/\/\.\.(?:\/|$)/.test(unreserved)) return { problem: 'relative' };
  const names: string[] = [];
  for (const segment of rest.split('/').filter((s) => s !== '')) {
    const name = decodeName(segment);
    if (name === undefined || name.includes('\0')) return { problem: 'malformed' };
    names.push(name);
  }
  return { names };
}

function decodeName(segment: string): string | undefined {
  try {
    return segment.replace(/(?:%[0-9A-Fa-f]{2})+/g, (run) =>
      decodeURIComponent(
        run.replace(/%([2-7][0-9A-Fa-f])/g, (sent, hex: string) => {
          const c = String.fromCharCode(Number.parseInt(hex, 16));
          return RAW_KEY.test(c) ? `%25${hex}` : sent;
        }),
      ),
    );
  } catch {
    return undefined; // escapes that are not UTF-8
  }
}
