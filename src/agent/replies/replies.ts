// A request that may pass → the Reply it gets: routing, guards in the Sidecar's order, and failures as statuses. Touches no socket.

import { closeSync } from 'node:fs';
import { type ErrorCode, LmError, printable } from '../../errors.js';
import { featuresIn } from '../../listing/listing-lines.js';
import { compileFilter } from '../../patterns/filter.js';
import { SEALED_TYPE } from '../../wire/line-seals.js';
import { MAX_REQUEST_BYTES } from '../../wire/parts.js';
import {
  CHECK_HEADER,
  FEATURES_HEADER,
  HOT_HEADER,
  parseTarget,
  ROUTES,
  type Route,
  type RouteName,
} from '../../wire/routes.js';
import { createFetches } from '../files/fetch-reply.js';
import { fileReply } from '../files/file-reply.js';
import { openRequested } from '../files/path-door.js';
import { createGate } from '../gate.js';
import { errorReply, guardReply, type Reply } from '../reply.js';
import type { Request } from '../request.js';
import { createDigests } from './digests-reply.js';
import { createListings, type ListingSetup } from './listing-reply.js';
import { createOpenFiles, type OpenFilesSetup } from './open-files-reply.js';
import { completionGuard, type StatusSetup, statusReply } from './status-reply.js';

export type AgentSetup = ListingSetup & StatusSetup & OpenFilesSetup;

export interface Agent {
  /** Never rejects. */
  answer(request: Request): Promise<Reply>;
  /** Ends the worker threads; what they were doing is answered with an error. */
  close(): Promise<void>;
}

/** Each costs a thread, or a look at every process; nobody who means well needs more at once. */
const MOST_WALKS = 8;

type Answer<Name extends RouteName> = (route: Route<Name>, request: Request) => Reply | Promise<Reply>;

export function createAgent(setup: AgentSetup): Agent {
  const { roots, exclusions, completion } = setup;
  const filters = [{ exclusions, roots: roots.map(({ key, path }) => ({ key, path })) }];
  const excludes = compileFilter(...filters);
  const fileGate = createGate(setup.maxConcurrentFileRequests);
  const walkGate = createGate(MOST_WALKS);
  const listings = createListings(setup);
  const fetches = createFetches(roots, filters, setup.notice);
  const digests = createDigests(roots, filters, setup.notice);
  const openFiles = createOpenFiles(roots, excludes, setup);
  const checkGate = createGate(MOST_WALKS); // of its own: who waits for a command holds up no listing

  /** What moves data needs a migration that is not complete, and a place among the file requests. */
  const movingData =
    <Name extends RouteName>(answer: Answer<Name>): Answer<Name> =>
    async (route, request) =>
      completionGuard(completion) ?? fileGate(() => answer(route, request));

  const answers: { [Name in RouteName]: Answer<Name> } = {
    list: ({ only }, request) =>
      walkGate(() =>
        wantsLines(request)
          ? listings.native({ only, features: featuresIn(request.headers[FEATURES_HEADER]?.toString()) }, request.gone)
          : listings.sidecar(request.gone),
      ),
    file: movingData(file),
    status: (_, request) => statusReply(request, setup),
    fetch: movingData(withBody((body) => fetches.reply(body))),
    digests: movingData(withBody((body, { gone }) => digests.many(body, gone))),
    'open-files': (_, { headers }) =>
      headers[CHECK_HEADER] === undefined
        ? walkGate(() => openFiles({ hot: headers[HOT_HEADER] !== undefined }))
        : checkGate(() => openFiles({ check: true })),
  };

  const answer = <Name extends RouteName>(route: Route<Name>, request: Request): Reply | Promise<Reply> =>
    answers[route.name](route, request);

  async function file(route: Route<'file'>, request: Request): Promise<Reply> {
    const opened = await openRequested(roots, excludes, route);
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

  return {
    async answer(request) {
      try {
        const route = parseTarget(request.target);
        if (!route) return guardReply(404);
        const methods: readonly string[] = ROUTES[route.name].methods;
        if (!methods.includes(request.method)) return guardReply(405, { allow: methods.join(', ') });
        return await answer(route, request);
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

const wantsLines = (request: Request): boolean => (request.headers.accept ?? '').includes(SEALED_TYPE);

const withBody =
  (answer: (body: Uint8Array, request: Request) => Reply | Promise<Reply>) =>
  async (_: unknown, request: Request): Promise<Reply> => {
    const body = await request.readBody(MAX_REQUEST_BYTES);
    return body ? answer(body, request) : errorReply(413, `a request takes at most ${MAX_REQUEST_BYTES} bytes`);
  };

/** Everything but a request that makes no sense, and a state that somebody has to change first, may be better next time. */
function failureReply(error: unknown): Reply {
  if (!(error instanceof LmError)) return errorReply(500, printable(String(error)));
  const text = error.hint === undefined ? error.message : `${error.message}; ${error.hint}`;
  return errorReply(STATUS_OF[error.code] ?? 500, text);
}

/** 4xx: neither lm nor a Sidecar tries again by itself. */
const STATUS_OF: Partial<Record<ErrorCode, number>> = { protocol: 400, refused: 409 };
