// Turns a file's key into the path of a URL, and back. The path is raw wherever a Sidecar needs it raw, and each target names one file.

import type { EntryKey } from '../files/entry.js';

export const PREFIX = '/api/v1/live-migration';
export const FILES = `${PREFIX}/files`;

/** The components below a root, none of them empty, `.` or `..`; or why the path has none. */
export type FilePath = { names: string[] } | { problem: 'malformed' | 'relative' };

/** The URL of a file in a Sidecar's listing: never percent-encoded, whatever the key has. */
export const fileUrl = (key: EntryKey): string => `${FILES}/${key}`;

/** The inverse of `fileUrl`; undefined for any other URL. */
export const keyOfFileUrl = (url: string): EntryKey | undefined =>
  url.startsWith(`${FILES}/`) ? url.slice(FILES.length + 1) : undefined;

/** Whether a URI path may hold every character of this key unescaped. */
export const isRawKey = (key: EntryKey): boolean => RAW_KEY.test(key);

/**
 * Whether a Sidecar serves a key under the URL of its listing. It decodes the escapes of unreserved characters and keeps every other one as
 * characters of the name (`%2B`). It refuses what is no URI path, or leads upwards once all escapes are decoded.
 */
export const isServedRaw = (key: EntryKey): boolean =>
  isRawKey(key) || (URI_PATH.test(key) && decodeUnreserved(key) === key && !UPWARDS.test(key.replace(/%2F/gi, '/')));

/** Whether an lm agent finds a key under the URL of its listing: it decodes more escapes than a Sidecar. */
export function isFoundRaw(key: EntryKey): boolean {
  if (isRawKey(key)) return true;
  const sent = fileUrl(key);
  const unreserved = decodeUnreserved(sent);
  const path = toFilePath(sent, unreserved, normalise(unreserved).slice(FILES.length + 1));
  return 'names' in path && path.names.join('/') === key;
}

/** The target of a request to an `lm` agent: raw wherever a Sidecar needs it raw, percent-encoded elsewhere. */
export const fileTarget = (key: EntryKey): string =>
  isRawKey(key) ? fileUrl(key) : `${FILES}/${key.split('/').map(encodeName).join('/')}`;

/** RFC 3986 pchar without escapes, and the separator. */
const RAW_KEY = /^[A-Za-z0-9\-._~!$&'()*+,;=:@/]*$/;
const URI_PATH = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*$/;

const UPWARDS = /(?:^|\/)\.\.(?:\/|$)/;

/** Percent-encodes exactly the characters that may not be raw, so that a file has one target. */
const encodeName = (name: string): string =>
  name.replace(/[^A-Za-z0-9\-._~!$&'()*+,;=:@]+/gu, (run) => encodeURIComponent(run));

/** As Vert.x does before it routes: `%41` becomes `A`, every other escape stays. */
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
 * `sent` is the path of the request, `unreserved` the result of `decodeUnreserved`, and `rest` the end of that below the root. Escapes of
 * characters that may be raw stay as they are, as in the Sidecar: `%2B` never finds a `+`. Other escapes are decoded: no Sidecar could
 * serve such names. So each target names one file.
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
