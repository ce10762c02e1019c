// A request → the Reply it gets: routing, guards in the Sidecar's order, and failures as statuses. Touches no socket.

import { closeSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { LmError, printable } from '../errors.js';
import { compileFilter } from '../files/filter.js';
import { MAX_REQUEST_BYTES } from '../wire/parts.js';
import { parseTarget, type Route } from '../wire/routes.js';
import { SEALED_TYPE } from '../wire/sealed.js';
import type { Authorize } from './auth.js';
import { createDigests } from './digests-reply.js';
import { createFetches } from './fetch-reply.js';
import { fileReply } from './file-reply.js';
import { createGate } from './gate.js';
import { createListings, type ListingSetup } from './listing-reply.js';
import { openFilesReply } from './open-files-reply.js';
import { openRequested } from './path-door.js';
import { errorReply, guardReply, type Reply } from './reply.js';
import { completionGuard, type StatusSetup, statusReply } from './status-reply.js';

export interface Request {
  /** HEAD comes as GET; whoever sends the reply leaves its body out. */
  method: string;
  isHead: boolean;
  /** As in the request line. */
  target: string;
  headers: IncomingHttpHeaders;
  /** Undefined when it is longer than `limit`. */
  readBody(limit: number): Promise<Uint8Array | undefined>;
}

export type AgentSetup = ListingSetup & StatusSetup & { authorize: Authorize };

export interface Agent {
  /** Never rejects. */
  answer(request: Request): Promise<Reply>;
  /** Ends the worker threads; what they were doing is answered with an error. */
  close(): Promise<void>;
}

/** Each costs a thread, or a look at every process; nobody who means well needs more at once. */
const MOST_WALKS = 8;

const METHODS: Record<Route['name'], readonly string[]> = {
  list: ['GET'],
  file: ['GET'],
  status: ['GET', 'POST', 'DELETE'],
  fetch: ['POST'],
  digests: ['POST'],
  'open-files': ['GET'],
  unknown: [],
};

export function createAgent(setup: AgentSetup): Agent {
  const { roots, exclusions, authorize, completion } = setup;
  const filters = [{ exclusions, roots: roots.map(({ key, path }) => ({ key, path })) }];
  const excludes = compileFilter(...filters);
  const fileGate = createGate(setup.maxConcurrentFileRequests);
  const walkGate = createGate(MOST_WALKS);
  const listings = createListings(setup);
  const fetches = createFetches(roots, filters);
  const digests = createDigests(roots, excludes);

  async function route(route: Route, request: Request): Promise<Reply> {
    switch (route.name) {
      case 'unknown':
        return guardReply(404);
      case 'list':
        return walkGate(() => (wantsLines(request) ? listings.native(route.only) : listings.sidecar()));
      case 'status':
        return statusReply(request.method, setup);
      case 'open-files':
        return walkGate(() => openFilesReply(roots, excludes));
      case 'file':
        return guarded(() => file(route, request));
      case 'fetch':
        return guarded(() => withBody(request, (body) => fetches.reply(body)));
      case 'digests':
        return guarded(() => withBody(request, (body) => digests.many(body)));
    }
  }

  /** What moves data needs a migration that is not complete, and a place among the file requests. */
  const guarded = async (reply: () => Reply | Promise<Reply>): Promise<Reply> =>
    completionGuard(completion) ?? fileGate(reply);

  async function file(route: Extract<Route, { name: 'file' }>, request: Request): Promise<Reply> {
    const opened = openRequested(roots, excludes, route);
    if ('status' in opened) return opened;
    if (route.digestAlgorithm === undefined)
      return fileReply(opened, request.headers, request.isHead ? 'HEAD' : request.method);
    try {
      return await digests.one(opened, route.digestAlgorithm);
    } finally {
      closeSync(opened.fd);
    }
  }

  return {
    async answer(request) {
      try {
        const refusal = authorize(request.headers);
        if (refusal) return refusal;
        const to = parseTarget(request.target);
        const methods = METHODS[to.name];
        if (methods.length > 0 && !methods.includes(request.method))
          return guardReply(405, { allow: methods.join(', ') });
        return await route(to, request);
      } catch (error) {
        return failureReply(error);
      }
    },
    close: async () => {
      await Promise.all([listings.close(), fetches.close(), digests.close()]);
    },
  };
}

const wantsLines = (request: Request): boolean => (request.headers.accept ?? '').includes(SEALED_TYPE);

async function withBody(request: Request, reply: (body: Uint8Array) => Reply | Promise<Reply>): Promise<Reply> {
  const body = await request.readBody(MAX_REQUEST_BYTES);
  return body ? reply(body) : errorReply(413, `a request takes at most ${MAX_REQUEST_BYTES} bytes`);
}

/** A request that makes no sense is the client's fault, everything else may be better next time. */
function failureReply(error: unknown): Reply {
  if (!(error instanceof LmError)) return errorReply(500, printable(String(error)));
  const text = error.hint === undefined ? error.message : `${error.message}; ${error.hint}`;
  return errorReply(error.code === 'protocol' ? 400 : 500, text);
}
