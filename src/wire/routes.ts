// The table of an agent's routes, for both ends. It knows no roots: a key from a target may still be unknown.

import type { EntryKey } from '../files/entry.js';
import type { Permission } from '../permissions.js';
import { decodeUnreserved, FILES, type FilePath, fileUrl, normalise, PREFIX, toFilePath } from './file-urls.js';

/** A header of every status reply of an agent: it is `lm`, and speaks this version of the native routes. */
export const AGENT_HEADER = 'lm-agent';
export const AGENT_PROTOCOL = 1;
/** A header of an agent's status: which lm it is. An older one does not say. */
export const VERSION_HEADER = 'lm-version';
/** Sent with a request for the open files: the agent runs the operator's own command as well. An older agent ignores it. */
export const CHECK_HEADER = 'lm-at-rest-check';
/** Sent with it too: the agent also names all files of `HOT_TYPES` that are being written to. */
export const HOT_HEADER = 'lm-hot-files';
/** A header of an agent's status: digests keep to what a request's head says of rate and pressure. An older agent reads at its own speed. */
export const PACED_DIGESTS_HEADER = 'lm-paced-digests';
/** A header of an agent's status: it makes one digest of all files of a line of its listing. An older one digests them one by one. */
export const LINE_DIGESTS_HEADER = 'lm-line-digests';
/** A header of an agent's status: it compares pages of files and sends those that differ (wire/pages). An older one sends whole blocks. */
export const PAGES_HEADER = 'lm-pages';
/** A header of the status of a source that was reopened over HTTP: when, and from which address, as text. */
export const REOPENED_HEADER = 'lm-reopened';
/**
 * A header of the status of a source that serves snapshots: the keys of those roots. A client that takes them sends the header back with each
 * request; without it, it gets no data: an older client would take a snapshot for the live directory, and so would one that began with that.
 */
export const SNAPSHOT_HEADER = 'lm-snapshot';
/** Sent with a request for the listing: the `FEATURES` that it shall have. An older agent ignores it. */
export const FEATURES_HEADER = 'lm-listing-features';
export const MAX_REQUESTS_HEADER = 'lm-max-concurrent-file-requests';

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

export type Role = 'source' | 'destination';

interface Row<Params> {
  /** What a request of this route asks for, in words for people: `the listing`. */
  what: string;
  /** The permission that each method takes; null where every client has it. The first method is the one `lm` asks with. */
  methods: Partial<Record<Method, Permission | null>>;
  /** Whose agent answers it; an agent of the other role has no such route. */
  roles: readonly Role[];
  path: string;
  /** Reads the parameters that a target has beside its route. */
  params(target: Target): Params;
}

interface Target {
  /** The path as it was sent, and with unreserved characters decoded. */
  sent: string;
  unreserved: string;
  /** What matched `:name` and `*` of the row's path. */
  captured: string[];
  query: URLSearchParams;
}

const row = <Params>(
  what: string,
  methods: Row<Params>['methods'],
  path: string,
  params: (target: Target) => Params,
  roles: Row<Params>['roles'] = ['source'],
): Row<Params> => ({ what, methods, roles, path, params });

const noParams = () => ({});
const taskId = ({ captured }: Target) => ({ taskId: captured[0]! });

const BOTH = ['source', 'destination'] as const;
const DESTINATION = ['destination'] as const;

/** To begin or end a task changes what goes on; how it stands is for every client that may look. */
const ALL_TASKS = { GET: 'list', POST: 'manage' } as const;
const ONE_TASK = { GET: 'list', PATCH: 'manage' } as const;

const COPIES = `${PREFIX}/data-copy-tasks`;
const VERIFICATIONS = `${PREFIX}/files-verification-tasks`;

/**
 * `:name` stands for one component of a path, `*` for all that follow. A new route takes a row here, a handler in the agent's router, and,
 * where `lm` itself uses it, a method of the source that sends the request.
 */
export const ROUTES = {
  list: row('the listing', { GET: 'list' }, FILES, ({ query }) => ({ only: query.get('only') ?? undefined }), BOTH),
  /** The first two components stay as they were sent: the handler checks them, in the Sidecar's order. */
  file: row('a file', { GET: 'copy' }, `${FILES}/:type/:index/*`, ({ sent, unreserved, captured, query }) => {
    const [type, index, rest] = captured;
    const path: FilePath = toFilePath(sent, unreserved, rest!);
    return { type: type!, index: index!, path, digestAlgorithm: query.get('digestAlgorithm') ?? undefined };
  }),
  status: row('the status', { GET: 'list', POST: 'manage', DELETE: 'manage' }, `${PREFIX}/status`, noParams, BOTH),
  fetch: row('files', { POST: 'copy' }, `${PREFIX}/fetch`, noParams),
  digests: row('digests', { POST: 'copy' }, `${PREFIX}/digests`, noParams),
  'open-files': row('its open files', { GET: 'copy' }, `${PREFIX}/open-files`, noParams),
  copies: row('its copies', ALL_TASKS, COPIES, noParams, DESTINATION),
  copy: row('a copy', ONE_TASK, `${COPIES}/:taskId`, taskId, DESTINATION),
  verifications: row('its verifications', ALL_TASKS, VERIFICATIONS, noParams, DESTINATION),
  verification: row('a verification', ONE_TASK, `${VERIFICATIONS}/:taskId`, taskId, DESTINATION),
  /** Not the Sidecar's: Prometheus asks for this path unless it is told another. */
  metrics: row('its metrics', { GET: 'list' }, '/metrics', noParams, BOTH),
  health: row('its health', { GET: null }, '/api/v1/__health', noParams, BOTH),
};

export type RouteName = keyof typeof ROUTES;

/** A route with the parameters of one request. */
export type Route<Name extends RouteName = RouteName> = {
  [N in Name]: { name: N } & ReturnType<(typeof ROUTES)[N]['params']>;
}[Name];

/** What a client sends for a route, and its name for people. `target` takes the place of the row's path. */
export function requestFor(
  name: RouteName,
  target = ROUTES[name].path,
): { what: string; method: Method; target: string } {
  const { what } = ROUTES[name];
  return { what, method: methodsOf(name)[0]!, target };
}

export const methodsOf = (name: RouteName): Method[] => Object.keys(ROUTES[name].methods) as Method[];

/** The permission that a request takes; null where every client has it, and for what is no route, which is answered as such. */
export function permissionFor(method: string, target: string): Permission | null {
  const route = parseTarget(target);
  const methods: Row<unknown>['methods'] = route ? ROUTES[route.name].methods : {};
  return methods[method as Method] ?? null;
}

export const listTarget = (only?: EntryKey): string =>
  only === undefined ? FILES : `${FILES}?only=${encodeURIComponent(only)}`;

/** The target of a Sidecar's digest. */
export const digestTarget = (key: EntryKey, algorithm: string): string =>
  `${fileUrl(key)}?digestAlgorithm=${algorithm}`;

/** `target` is that of the request line: a raw path and query. Undefined where no route matches. */
export function parseTarget(target: string): Route | undefined {
  const [sent, query] = splitOnce(target, '?');
  const unreserved = decodeUnreserved(sent);
  const path = normalise(unreserved);
  for (const [name, pattern] of PATTERNS) {
    const match = pattern.exec(path);
    if (!match) continue;
    const captured = match.slice(1).map((text = '') => text);
    const params = ROUTES[name].params({ sent, unreserved, captured, query: new URLSearchParams(query ?? '') });
    return { name, ...params } as Route;
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
