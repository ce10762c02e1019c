// One line of JSON for each request, appended to a file. Escapes whatever could forge a line; never stops the agent.

import { closeSync, openSync, writeSync } from 'node:fs';
import { errnoOf, localError, printable } from '../errors.js';
import type { ServedRequest } from './server.js';

export interface AccessLog {
  write(request: ServedRequest): void;
  close(): void;
}

/** Throws `local` when the file cannot be opened; later failures are told to `warn`, once. */
export function openAccessLog(path: string, warn: (text: string) => void, now: () => number = Date.now): AccessLog {
  let fd: number;
  try {
    fd = openSync(path, 'a', 0o640); // appending: lines stay whole beside another writer, and a truncated log starts anew
  } catch (error) {
    throw localError('open access log', path, error);
  }
  let failed = false;
  return {
    write(request) {
      try {
        writeSync(fd, lineOf(request, now()));
        failed = false;
      } catch (error) {
        if (!failed) warn(`cannot write access log ${printable(path)}: ${errnoOf(error) ?? error}`);
        failed = true;
      }
    },
    close: () => closeSync(fd),
  };
}

const lineOf = (request: ServedRequest, atMs: number): string =>
  `${JSON.stringify({
    ts: new Date(atMs).toISOString(),
    ...request,
    target: printable(request.target),
    elapsedMs: Math.round(request.elapsedMs),
  })}\n`;
