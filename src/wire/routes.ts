// Every route of /api/v1/live-migration, one row each, for both ends. Knows no roots: a key from here may still be unknown.

import type { EntryKey } from '../files/entry.js';
import { decodeUnreserved, FILES, type FilePath, fileUrl, normalise, PREFIX, toFilePath } from './file-urls.js';

/** Sent with every status: this end is `lm` and speaks this version of the native routes. */
export const AGENT_HEADER = 'lm-agent';
export const AGENT_PROTOCOL = 1;
/** Sent with a request for the open files: the operator's own command there is to be run as well. Unknown to an older agent. */
export const CHECK_HEADER = 'lm-at-rest-check';
/** Sent likewise: all files of `HOT_TYPES` that are being written to are to be named as well. */
export const HOT_HEADER = 'lm-hot-files';
/** Sent with the status of a source that somebody has reopened over HTTP: when, and from which address, as text. */
export const REOPENED_HEADER = 'lm-reopened';
/** Sent with a request for the listing: names of `FEATURES` that it is to hold. Unknown to an older agent. */
export const FEATURES_HEADER = 'lm-listing-features';
export const MAX_REQUESTS_HEADER = 'lm-max-concurrent-file-requests';

export type Method = 'GET' | 'POST' | 'DELETE';

interface Row<About> {
  /** The request as people know it. */
  asked: string;
  /** The first is the one `lm` asks with. */
  methods: readonly [Method, ...Method[]];
  path: string;
  /** What a request addresses beside the route. */
  about(target: Target): About;
}

interface Target {
  /** The path as it was sent, and with unreserved characters decoded. */
  sent: string;
  unreserved: string;
  /** For what `:name` and `*` of the row's path stand. */
  captured: string[];
  query: URLSearchParams;
}

const row = <About>(
  asked: string,
  methods: Row<About>['methods'],
  path: string,
  about: (target: Target) => About,
): Row<About> => ({ asked, methods, path, about });

const nothingElse = () => ({});

/**
 * `:name` stands for one component of a path, `*` for all that follow. A new route is a row here, an answer in the agent's table, and a
 * method of the source that asks it.
 */
export const ROUTES = {
  list: row('the listing', ['GET'], FILES, ({ query }) => ({ only: query.get('only') ?? undefined })),
  /** The first two components are as sent: the reply checks them, in the Sidecar's order. */
  file: row('a file', ['GET'], `${FILES}/:type/:index/*`, ({ sent, unreserved, captured, query }) => {
    const [type, index, rest] = captured;
    const path: FilePath = toFilePath(sent, unreserved, rest!);
    return { type: type!, index: index!, path, digestAlgorithm: query.get('digestAlgorithm') ?? undefined };
  }),
  status: row('the status', ['GET', 'POST', 'DELETE'], `${PREFIX}/status`, nothingElse),
  fetch: row('files', ['POST'], `${PREFIX}/fetch`, nothingElse),
  digests: row('digests', ['POST'], `${PREFIX}/digests`, nothingElse),
  'open-files': row('its open files', ['GET'], `${PREFIX}/open-files`, nothingElse),
};

export type RouteName = keyof typeof ROUTES;

/** A request that names a route, with what it addresses. */
export type Route<Name extends RouteName = RouteName> = {
  [N in Name]: { name: N } & ReturnType<(typeof ROUTES)[N]['about']>;
}[Name];

/** What a client sends for a route, and calls it. `target` stands in for the row's path. */
export function requestFor(
  name: RouteName,
  target = ROUTES[name].path,
): { asked: string; method: Method; target: string } {
  const { asked, methods } = ROUTES[name];
  return { asked, method: methods[0], target };
}

export const listTarget = (only?: EntryKey): string =>
  only === undefined ? FILES : `${FILES}?only=${encodeURIComponent(only)}`;

/** Of a Sidecar. */
export const digestTarget = (key: EntryKey, algorithm: string): string =>
  `${fileUrl(key)}?digestAlgorithm=${algorithm}`;

/** `target` is the request line's: a raw path and query. Undefined for what is no route. */
export function parseTarget(target: string): Route | undefined {
  const [sent, query] = splitOnce(target, '?');
  const unreserved = decodeUnreserved(sent);
  const path = normalise(unreserved);
  for (const [name, pattern] of PATTERNS) {
    const match = pattern.exec(path);
    if (!match) continue;
    const captured = match.slice(1).map((text = '') => text);
    const about = ROUTES[name].about({ sent, unreserved, captured, query: new URLSearchParams(query ?? '') });
    return { name, ...about } as Route;
  }
  return undefined;
}

const patternOf = (path: string): RegExp =>
  new RegExp(`^${path.replace(/\/\*$/, '(?:/(.*))?').replaceAll(/:\w+/g, '([^/]+)')}$`);

const PATTERNS = (Object.keys(ROUTES) as RouteName[]).map((name) => [name, patternOf(ROUTES[name].path)] as const);

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
