// Routes an authorized request to its handler, after the guards in the Sidecar's order, and turns an error into a reply with a status.

import { closeSync } from 'node:fs';
import { type ErrorCode, LmError, printable } from '../../errors.js';
import { featuresIn } from '../../listing/listing-lines.js';
import { compileFilter } from '../../patterns/filter.js';
import { BODY_HASH_HEADER, bodyHash, MAX_REQUEST_BYTES } from '../../wire/file-requests.js';
import { SEALED_TYPE } from '../../wire/line-seals.js';
import {
  CHECK_HEADER,
  FEATURES_HEADER,
  HOT_HEADER,
  methodsOf,
  parseTarget,
  ROUTES,
  type Route,
  type RouteName,
} from '../../wire/routes.js';
import { createFetches } from '../files/fetch-reply.js';
import { fileReply } from '../files/file-reply.js';
import { openRequested } from '../files/requested-file.js';
import { createGate } from '../gate.js';
import { errorReply, guardReply, jsonReply, type Reply, textReply } from '../reply.js';
import type { Request } from '../request.js';
import type { AgentPace } from './client-paces.js';
import { createDigests } from './digests-reply.js';
import { createListings, type ListingSetup } from './listing-reply.js';
import { createOpenFiles, type OpenFilesSetup } from './open-files-reply.js';
import { type SnapshotSetup, snapshotGuard, snapshotsIn, withoutCtime } from './snapshots.js';
import { completionGuard, type StatusSetup, statusReply } from './status-reply.js';
import { type TaskSetup, taskHandlers } from './task-replies.js';

type AgentSetup = SnapshotSetup &
  Omit<ListingSetup, 'snapshots'> &
  Omit<StatusSetup, 'snapshots'> &
  OpenFilesSetup &
  TaskSetup & { pace: AgentPace; metrics(): Promise<{ contentType: string; text(): Promise<string> }> };

export interface Agent {
  /** Never rejects. */
  answer(request: Request): Promise<Reply>;
  /** Ends the worker threads; requests that they were working on get an error reply. */
  close(): Promise<void>;
}

/** Each walk takes a thread, and each search for open files reads every process. An honest client needs no more at once. */
const MAX_WALKS = 8;

type Handler<Name extends RouteName> = (route: Route<Name>, request: Request) => Reply | Promise<Reply>;

export function createAgent(setup: AgentSetup): Agent {
  const { roots, live, exclusions, completion } = setup;
  const snapshots = snapshotsIn(setup);
  const isSnapshot = snapshots.length > 0;
  const filters = [{ exclusions, roots: roots.map(({ key, path }) => ({ key, path })) }];
  const excludes = compileFilter(...filters);
  const fileGate = createGate(setup.maxConcurrentFileRequests);
  const walkGate = createGate(MAX_WALKS);
  const listings = createListings({ ...setup, snapshots });
  const fetches = createFetches(roots, filters, setup.notice, setup.pace.paces);
  const digests = createDigests(roots, filters, setup.notice, setup.pace, { isSnapshot });
  const openFiles = createOpenFiles(live, excludes, setup); // a service writes to the live directories
  const checkGate = createGate(MAX_WALKS); // a gate of its own: a client that waits for the command holds up no listing

  /** A request that moves data needs a migration that is not complete, and a slot among the file requests. */
  const dataHandler =
    <Name extends RouteName>(handler: Handler<Name>): Handler<Name> =>
    async (route, request) =>
      completionGuard(completion) ?? fileGate(() => handler(route, request));

  const handlers: { [Name in RouteName]: Handler<Name> } = {
    list: ({ only }, request) =>
      walkGate(() =>
        acceptsLines(request) && setup.role === 'source'
          ? listings.native({ only, features: featuresIn(request.headers[FEATURES_HEADER]?.toString()) }, request.gone)
          : listings.sidecar(request.gone),
      ),
    file: dataHandler(file),
    status: (_, request) => statusReply(request, { ...setup, snapshots }),
    fetch: dataHandler(
      withBody(async (body, { headers }) => {
        const reply = await fetches.reply(body, headers['content-type']);
        return isSnapshot ? withoutCtime(reply) : reply;
      }),
    ),
    digests: dataHandler(withBody((body, { gone }) => digests.many(body, gone))),
    'open-files': (_, { headers }) =>
      headers[CHECK_HEADER] === undefined
        ? walkGate(() => openFiles({ hot: headers[HOT_HEADER] !== undefined }))
        : checkGate(() => openFiles({ check: true })),
    ...taskHandlers(setup),
    async metrics() {
      const { contentType, text } = await setup.metrics();
      return textReply(contentType, await text());
    },
    health: () => jsonReply(200, { status: 'OK' }),
  };

  const handle = <Name extends RouteName>(route: Route<Name>, request: Request): Reply | Promise<Reply> =>
    handlers[route.name](route, request);

  async function file(route: Route<'file'>, request: Request): Promise<Reply> {
    const opened = await openOf(route);
    if ('status' in opened) {
      if (opened.status === 500) setup.notice('unread', `cannot open ${printable(request.target).slice(0, 300)}`);
      return opened;
    }
    if (route.digestAlgorithm === undefined)
      return fileReply(opened, request.headers, request.isHead ? 'HEAD' : request.method);
    try {
      return await digests.one(opened, route.digestAlgorithm, request.gone);
    } finally {
      closeSync(opened.fd);
    }
  }

  /** A client looks here whether its destination is the source: a file that it has made may lie in either directory. */
  async function openOf(route: Route<'file'>): ReturnType<typeof openRequested> {
    const opened = await openRequested(roots, excludes, route);
    return isSnapshot && 'status' in opened && opened.status === 404 ? openRequested(live, excludes, route) : opened;
  }

  return {
    async answer(request) {
      try {
        const route = parseTarget(request.target);
        if (!route) return guardReply(404);
        if (!ROUTES[route.name].roles.includes(setup.role)) return guardReply(404);
        const methods: readonly string[] = methodsOf(route.name);
        if (!methods.includes(request.method)) return guardReply(405, { allow: methods.join(', ') });
        return snapshotGuard(snapshots, route.name, request) ?? (await handle(route, request));
      } catch (error) {
        return failureReply(error);
      }
    },
    close: async () => {
      setup.atRestCheck?.close();
      await Promise.all([listings.close(), fetches.close(), digests.close()]);
    },
  };
}

const acceptsLines = (request: Request): boolean => (request.headers.accept ?? '').includes(SEALED_TYPE);

const withBody =
  (handler: (body: Uint8Array, request: Request) => Reply | Promise<Reply>) =>
  async (_: unknown, request: Request): Promise<Reply> => {
    const body = await request.readBody(MAX_REQUEST_BYTES);
    if (!body) return errorReply(413, `a request takes at most ${MAX_REQUEST_BYTES} bytes`);
    const sent = request.headers[BODY_HASH_HEADER];
    const came = sent === undefined ? undefined : bodyHash(body);
    if (came === undefined || came === sent) return handler(body, request);
    return errorReply(400, 'the request was damaged on its way', { [BODY_HASH_HEADER]: came });
  };

/** 500 unless `STATUS_OF` has another: the same request may succeed later. */
function failureReply(error: unknown): Reply {
  if (!(error instanceof LmError)) return errorReply(500, printable(String(error)));
  const text = error.hint === undefined ? error.message : `${error.message}; ${error.hint}`;
  return errorReply(STATUS_OF[error.code] ?? 500, text);
}

/** A malformed request, and a state that an operator has to change first. On 4xx neither lm nor a Sidecar tries again by itself. */
const STATUS_OF: Partial<Record<ErrorCode, number>> = { protocol: 400, refused: 409 };
