// Runs a real `lm` against a hostile source on loopback, and checks what must hold whatever the source answers: files beside the root must
// not change, for example. The exit code is for each test to check.

import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from '@jest/globals';
import type { Finished } from './lm.js';
import { sandbox } from './sandbox.js';
import { readTree, type Snapshot, type Tree } from './tree.js';

/** Answers a request whose body has been read. */
export type Respond = (request: IncomingMessage, response: ServerResponse, body: Buffer) => unknown;

export interface Siege {
  respond: Respond;
  /** `copy` by default. */
  command?: string[];
  /** The content of the root, besides a link that leads out of it. */
  here?: Tree;
  env?: Record<string, string>;
}

export interface Survived extends Finished {
  /** The error: stderr without hints, warnings, retries and indented lines. */
  said: string[];
  /** The content of the root now, and whether it has changed. */
  tree: Snapshot;
  changed: boolean;
}

/** The limit of the client's peak resident memory. */
const MOST_BYTES = 400 << 20;

const COPY = [
  ...['copy', '--adopt', '--max-delete', '100%', '--max-iterations', '2', '--allow-running'],
  ...['--wait-for-writer', '0s'],
];
const CANARIES = ['canary', 'beside/canary'];

/** Runs `lm` against such a source. The operator allows it to change the whole root, and nothing beside it. */
export async function besieged(siege: Siege, ...flags: string[]): Promise<Survived> {
  const { destination, defer } = sandbox();
  const server = createServer((request, response) => {
    response.on('error', () => {});
    bodyOf(request)
      .then((body) => siege.respond(request, response, body))
      .catch(() => response.destroy());
  }).listen(0, '127.0.0.1');
  defer(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise((resolve) => server.once('listening', resolve));
  const to = destination.write('data', siege.here ?? { mine: 'mine' });
  mkdirSync(destination.path('beside'));
  for (const path of CANARIES) writeFileSync(destination.path(path), 'as it was', { mode: 0o600 });
  symlinkSync('../beside', destination.path('data/out'));
  const around = () => [readdirSync(destination.dir).sort(), readdirSync(destination.path('beside'))];
  const [above, beside] = around();
  const before = await readTree(to);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const [command, ...more] = siege.command ?? COPY;
  const running = destination.start([command!, url, to, ...more, ...flags], { env: siege.env ?? {} });
  forgetPeakOf(running.pid);
  const late = setTimeout(() => running.kill('SIGKILL'), 180_000);
  const peakBytes = await peakOf(running.pid, running.done);
  clearTimeout(late);
  const finished = await running.done;
  expect(finished.signal).toBeNull();
  expect(around()).toEqual([[...new Set([...above!, 'state'])].sort(), beside]);
  for (const path of CANARIES) expect(readFileSync(destination.path(path), 'utf8')).toBe('as it was');
  expect(finished.stdout + finished.stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  expect(finished.stderr.length).toBeLessThan(20_000);
  expect(peakBytes).toBeLessThan(MOST_BYTES);
  const said = finished.stderr
    .split('\n')
    .filter((line) => line !== '' && !/^(hint:|error [a-z-]+ \(|warning:|retry | )/.test(line));
  const tree = await readTree(to);
  return { ...finished, said, tree, changed: JSON.stringify(tree) !== JSON.stringify(before) };
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Resets the peak of a process that has run another command before, where the kernel can. */
function forgetPeakOf(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
  } catch {} // then by all of them, which is stricter
}

/** The peak of a process's resident memory until the command has ended. */
async function peakOf(pid: number, done: Promise<unknown>): Promise<number> {
  let peakBytes = 0;
  let ended = false;
  void done.finally(() => {
    ended = true;
  });
  while (!ended) {
    try {
      const kb = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
      peakBytes = Math.max(peakBytes, Number(kb ?? 0) * 1024);
    } catch {} // gone in between
    await sleep(20);
  }
  return peakBytes;
}

/** Writes forty pieces per turn, for ever. */
export function drip(response: ServerResponse, piece: string | Buffer): void {
  const pour = (): void => {
    for (let i = 0; i < 40; i++) response.write(piece);
    if (!response.destroyed) setImmediate(pour);
  };
  pour();
}

/** The answer of another program, with colours for the terminal. */
export const noise = (response: ServerResponse): void =>
  void response
    .writeHead(200, { 'content-type': `text/\u009b31m`, 'content-length': 3, server: '\u009b2J' })
    .end('abc');
