// The request targets of /api/v1/live-migration, built and parsed for both ends. Knows no roots: a key from here may still be unknown.

import type { EntryKey } from '../files/entry.js';

export const PREFIX = '/api/v1/live-migration';
export const FILES = `${PREFIX}/files`;
export const STATUS = `${PREFIX}/status`;
export const FETCH = `${PREFIX}/fetch`;
export const DIGESTS = `${PREFIX}/digests`;
export const OPEN_FILES = `${PREFIX}/open-files`;

/** Sent with every status: this end is `lm` and speaks this version of the native routes. */
export const AGENT_HEADER = 'lm-agent';
export const AGENT_PROTOCOL = 1;
export const MAX_REQUESTS_HEADER = 'lm-max-concurrent-file-requests';

/** What a request addresses. A file's first two components are as sent: the reply checks them, in the Sidecar's order. */
export type Route =
  | { name: 'list'; only: EntryKey | undefined }
  | { name: 'status' }
  | { name: 'fetch' }
  | { name: 'digests' }
  | { name: 'open-files' }
  | { name: 'file'; type: string; index: string; path: FilePath; digestAlgorithm: string | undefined }
  | { name: 'unknown' };

/** The components below a root, none of them empty, `.` or `..`; or why there are none. */
export type FilePath = { names: string[] } | { problem: 'malformed' | 'relative' };

/** The Sidecar's name of a file: not percent-encoded, whatever the key holds. */
export const fileUrl = (key: EntryKey): string => `${FILES}/${key}`;

/** The inverse of `fileUrl`; undefined for a URL of another place. */
export const keyOfFileUrl = (url: string): EntryKey | undefined =>
  url.startsWith(`${FILES}/`) ? url.slice(FILES.length + 1) : undefined;

/**
 * Whether a Sidecar can serve this key. It decodes no escapes but those of unreserved characters, so every character has to be
 * one that a URI path may hold as it is.
 */
export const isRawKey = (key: EntryKey): boolean => RAW_KEY.test(key);

/** What to ask an `lm` agent for: raw wherever a Sidecar needs it raw, percent-encoded elsewhere. */
export const fileTarget = (key: EntryKey): string =>
  isRawKey(key) ? fileUrl(key) : `${FILES}/${key.split('/').map(encodeName).join('/')}`;

export const listTarget = (only?: EntryKey): string =>
  only === undefined ? FILES : `${FILES}?only=${encodeURIComponent(only)}`;

export const digestTarget = (key: EntryKey, algorithm: string): string =>
  `${fileTarget(key)}?digestAlgorithm=${algorithm}`;

/** `target` is the request line's: a raw path and query. */
export function parseTarget(target: string): Route {
  const [path, query] = splitOnce(target, '?');
  const unreserved = decodeUnreserved(path);
  const normal = normalise(unreserved);
  const search = new URLSearchParams(query ?? '');
  if (normal === FILES) return { name: 'list', only: search.get('only') ?? undefined };
  if (normal === STATUS) return { name: 'status' };
  if (normal === FETCH) return { name: 'fetch' };
  if (normal === DIGESTS) return { name: 'digests' };
  if (normal === OPEN_FILES) return { name: 'open-files' };
  const match = FILE_ROUTE.exec(normal);
  if (!match) return { name: 'unknown' };
  const [, type, index, rest] = match;
  const digestAlgorithm = search.get('digestAlgorithm') ?? undefined;
  return { name: 'file', type: type!, index: index!, path: toFilePath(path, unreserved, rest ?? ''), digestAlgorithm };
}

const FILE_ROUTE = new RegExp(`^${FILES}/([^/]+)/([^/]+)(?:/(.*))?$`);

/** RFC 3986 pchar without escapes, and the separator. */
const RAW_KEY = /^[A-Za-z0-9\-._~!$&'()*+,;=:@/]*$/;
const URI_PATH = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*$/;

/** Percent-encodes exactly what may not stand raw, so that a file has one target. */
const encodeName = (name: string): string =>
  name.replace(/[^A-Za-z0-9\-._~!$&'()*+,;=:@]+/gu, (run) => encodeURIComponent(run));

/** What Vert.x does before it routes: `%41` becomes `A`, every other escape stays. */
const decodeUnreserved = (path: string): string =>
  path.replace(/%([0-9A-Fa-f]{2})/g, (sent, hex: string) => {
    const c = String.fromCharCode(Number.parseInt(hex, 16));
    return /[A-Za-z0-9\-._~]/.test(c) ? c : sent;
  });

/** Without dot segments and doubled slashes. */
function normalise(path: string): string {
  const kept: string[] = [];
  const segments = path.split('/').slice(1);
  for (const segment of segments) {
    if (segment === '..') kept.pop();
    else if (segment !== '' && segment !== '.') kept.push(segment);
  }
  return `/${kept.join('/')}`;
}

/**
 * `rest` has only escapes of characters that are not unreserved left. Those of characters that may stand raw stay as they are, as
 * in the Sidecar: `%2B` never finds a `+`. The others are names no Sidecar could serve; they are decoded. So a target names one file.
 */
function toFilePath(path: string, unreserved: string, rest: string): FilePath {
  if (!URI_PATH.test(path)) return { problem: 'malformed' };
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

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
