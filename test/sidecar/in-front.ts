// Stands in front of a Sidecar and answers some requests itself, or changes a document on its way: what a test cannot make a real one do.

import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface InFront {
  url: string;
  /** How many requests were answered with each status so far, whoever answered. */
  readonly statuses: ReadonlyMap<number, number>;
  /** Answers that broke off. */
  broken(): number;
  /** Resolves when so many bytes of files have been passed on. */
  hasPassed(bytes: number): Promise<void>;
}

export interface InFrontOptions {
  /** The status to answer instead, with no more than a Sidecar's guard says. */
  refuse?(target: string): number | undefined;
  /** Of the documents of `/files` and `/status` alone: the rest passes as it comes. */
  rewrite?(target: string, document: string): string;
}

export async function startInFront(
  sidecar: string,
  defer: (cleanup: () => unknown) => void,
  { refuse = () => undefined, rewrite }: InFrontOptions = {},
): Promise<InFront> {
  const statuses = new Map<number, number>();
  const passed = new EventEmitter();
  let [bytes, broken] = [0, 0];
  const server = createServer((incoming, response) => {
    const target = incoming.url!;
    response.once('close', () => {
      statuses.set(response.statusCode, (statuses.get(response.statusCode) ?? 0) + 1);
      if (!response.writableFinished) broken++;
    });
    const status = refuse(target);
    if (status === undefined)
      return pass(sidecar, incoming, response, rewrite, (chunk) => {
        bytes += chunk.length;
        passed.emit('bytes');
      });
    response.writeHead(status, { 'content-type': 'application/json' }).end('{"status":"Service Unavailable"}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  defer(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    statuses,
    broken: () => broken,
    async hasPassed(least) {
      while (bytes < least) await once(passed, 'bytes');
    },
  };
}

/** The Host is the Sidecar's own: by it, it knows which instance is asked for. */
function pass(
  sidecar: string,
  incoming: IncomingMessage,
  response: ServerResponse,
  rewrite: InFrontOptions['rewrite'],
  count: (chunk: Buffer) => void,
): void {
  const target = incoming.url!;
  const headers = { ...incoming.headers, host: new URL(sidecar).host };
  const outgoing = request(`${sidecar}${target}`, { method: incoming.method, headers }, async (answer) => {
    if (rewrite && /\/(files|status)$/.test(target)) {
      const text = rewrite(target, (await buffer(answer)).toString());
      const length = { 'content-length': Buffer.byteLength(text) };
      response.writeHead(answer.statusCode!, { ...answer.headers, ...length }).end(text);
      return;
    }
    response.writeHead(answer.statusCode!, answer.headers);
    answer
      .on('error', () => response.destroy())
      .on('data', count)
      .pipe(response);
  });
  outgoing.on('error', () => response.destroy());
  response.on('close', () => outgoing.destroy());
  incoming.pipe(outgoing);
}
