// A big file at a real agent, and a part here that has another state of it: what a transfer makes of the part, and what passes on the line.

import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Entry } from '../../src/files/entry.js';
import type { Roots } from '../../src/files/roots.js';
import { createLiveLimit } from '../../src/pace/live-limit.js';
import { RETRY_POLICY } from '../../src/source/retry.js';
import type { PartJournal, Range } from '../../src/transfer/part-journal.js';
import type { TransferContext, TransferCounts } from '../../src/transfer/transfer-context.js';
import type { FileProblem } from '../../src/transfer/worker-jobs.js';
import type { ProxyOptions } from './proxy.js';
import type { Sandbox } from './sandbox.js';
import { random } from './tree.js';

const PAGE_BYTES = 8 << 10;
const BLOCK_BYTES = 1 << 20;

/** The built files: worker threads are started from them. */
const built = <Module>(path: string): Promise<Module> =>
  import(new URL(`../../dist/modules/${path}.js`, import.meta.url).href);

/** Writes a file of which no two pages are equal. */
export function writePages(path: string, bytes: number, seed = 1): void {
  const next = random(seed);
  const fd = openSync(path, 'w');
  const block = Buffer.alloc(BLOCK_BYTES);
  for (let at = 0; at < bytes; at += BLOCK_BYTES) {
    for (let word = 0; word < BLOCK_BYTES; word += 512) block.writeUInt32LE(Math.floor(next() * 2 ** 32), word);
    writeSync(fd, block, 0, Math.min(BLOCK_BYTES, bytes - at), at);
  }
  closeSync(fd);
}

/** Changes so many pages, each another one, anywhere in the file; returns which. */
export function changePages(path: string, count: number, seed = 2): number[] {
  const next = random(seed);
  const pages = Math.floor(statSync(path).size / PAGE_BYTES);
  const changed = new Set<number>();
  while (changed.size < count) changed.add(Math.floor(next() * pages));
  const fd = openSync(path, 'r+');
  const page = Buffer.alloc(PAGE_BYTES);
  for (const at of changed) {
    readSync(fd, page, 0, PAGE_BYTES, at * PAGE_BYTES);
    for (let word = 0; word < PAGE_BYTES; word += 64) page.writeUInt32LE(Math.floor(next() * 2 ** 32), word);
    writeSync(fd, page, 0, PAGE_BYTES, at * PAGE_BYTES);
  }
  closeSync(fd);
  return [...changed];
}

export interface Mended {
  problem: FileProblem | undefined;
  /** Whether the published file is the source's. */
  isEqual: boolean;
  counts: TransferCounts;
  /** Bytes of files that came, without heads and hashes. */
  received: number;
  /** What the progress of the file says at its end, of its size. */
  done: number;
  /** Bytes that passed the proxy in both directions. */
  passed: number;
  /** What the journal was told, in order. */
  journal: string[];
  /** Reasons of faults that were retried. */
  retried: string[];
  elapsedMs: number;
  /** Processor time of this process, in milliseconds. */
  cpuMs: number;
}

export interface MendOptions extends ProxyOptions {
  concurrency?: number;
  /** What the source's status says is ignored. */
  withoutPages?: boolean;
  /** A file that is published here already. */
  older?: string;
  /** Nothing is known of the part, as after a kill before the first range of a basis was recorded. */
  isUnknown?: boolean;
  /** Called when the part has been made and the source has been asked for its status. */
  begin?(state: { part: string; passed: number; sent: number }): void;
}

export type Mend = (basis: string, now: string, options?: MendOptions) => Promise<Mended>;

/** Starts an agent that serves `from`. */
export async function mender(box: Sandbox, from: string): Promise<Mend> {
  const { url } = await box.source.serve([from]);
  return (basis, now, options) => mend(box, url, { basis, now }, options);
}

/** `now`: the file at the source; `basis`: what the part has, with the size of the source's file. Publishes it in a directory of its own. */
async function mend(
  { destination, proxy }: Sandbox,
  agent: string,
  { now, basis }: { now: string; basis: string },
  options: MendOptions = {},
): Promise<Mended> {
  const { connectSource } = await built<typeof import('../../src/source/connect-source.js')>('source/connect-source');
  const { createWorkers } = await built<typeof import('../../src/transfer/workers.js')>('transfer/workers');
  const { createBigFiles } = await built<typeof import('../../src/transfer/big-files.js')>('transfer/big-files');
  const { Disk } = await built<typeof import('../../src/disk/disk.js')>('disk/disk');
  const { concurrency = 1, withoutPages = false, older, isUnknown = false, begin } = options;
  const line = await proxy(agent, options);
  const to = destination.path(`to-${performance.now()}`);
  mkdirSync(to, { recursive: true });
  const roots: Roots = [{ key: 'data/0', type: 'data', index: 0, path: to }];
  const controller = new AbortController();
  const { signal } = controller;
  const retried: string[] = [];
  const emit = (event: { type: string; reason?: string }): void => {
    if (event.type === 'retried') retried.push(event.reason ?? '');
  };
  const policy = { ...RETRY_POLICY, firstWaitMs: 1 };
  const connected = await connectSource({
    ...{ url: line.url, roots, spool: destination.dir, emit: emit as never, signal },
    policy,
  });
  const transport = { ...connected.transport, ...(withoutPages && { sendsPages: false }) };
  const diskOptions = { canChown: false, umask: 0o22 };
  const workers = createWorkers(
    { roots, disk: diskOptions, transport, limit: createLiveLimit(undefined) },
    concurrency,
    signal,
    () => {},
  );
  const disk = new Disk(roots, diskOptions);
  const entry = entryOf(now);
  const size = Number(entry.size);
  if (older !== undefined) execFileSync('cp', ['--sparse=always', older, join(to, entry.name)]);
  const made = disk.createPart('data/0', entry.name, size);
  if (typeof made === 'string') throw new Error(made);
  const part = join(to, made.name);
  const partId = disk.partIdOf(made.fd);
  disk.close(made.fd, 'data/0');
  const fill = openSync(part, 'r+');
  for (let at = 0, block = Buffer.alloc(BLOCK_BYTES), from = openSync(basis, 'r'); ; ) {
    const got = readSync(from, block, 0, BLOCK_BYTES, at);
    if (got === 0) break;
    writeSync(fill, block, 0, Math.min(got, size - at), at);
    at += got;
    if (at >= size) break;
  }
  closeSync(fill);
  const journal: string[] = [];
  const tell = (what: string, { offset, length }: Range): void =>
    void journal.push(`${what} ${offset / BLOCK_BYTES} ${Math.ceil(length / BLOCK_BYTES)}`);
  const known = [0, Math.min(size, Math.ceil(statSync(basis).size / BLOCK_BYTES) * BLOCK_BYTES)] as const;
  const begun = isUnknown ? [] : [known];
  const { mtimeNs, ino = '0' } = entry;
  const parts: PartJournal = {
    known: () => ({ size: entry.size, mtimeNs, ino, partId, done: [], begun }),
    unfinished: () => [],
    started: () => void journal.push('started'),
    rangeBegun: (_, range) => tell('begun', range),
    rangeDone: (_, range) => tell('done', range),
    kept: () => void journal.push('kept'),
    ended: () => void journal.push('ended'),
  };
  const counts: TransferCounts = {
    ...{ filesDownloaded: 0, bytesDownloaded: 0, bytesReused: 0 },
    ...{ downloadFailures: 0, filesVanished: 0, filesChanged: 0 },
  };
  const nothing = { add() {} };
  const context = {
    ...{ workers, disk, journal: parts, young: nothing, changed: nothing, concurrency, emit, signal },
    ...{ received: { rows() {}, file() {} }, inaccessible: undefined, delta: 'always' },
    source: { url: line.url, contact: connected.contact, retrying: connected.retrying, transport },
    abort: (error: Error) => controller.abort(error),
  } as unknown as TransferContext;
  begin?.({ part, passed: line.passed(), sent: line.sent() });
  workers.startCounting();
  const [cpu, beganMs] = [process.cpuUsage(), performance.now()];
  const files = createBigFiles(counts, context);
  const { rangeBytesFor } = await built<typeof import('../../src/transfer/parts.js')>('transfer/parts');
  const moved = files.begin({ dir: 'data/0', entry }, rangeBytesFor(size, concurrency));
  const connection = async (worker: number): Promise<void> => {
    while (moved.remaining.length > 0) await files.moveNext({ file: moved, worker });
  };
  await Promise.all(Array.from({ length: concurrency }, (_, i) => connection(i % workers.count)));
  files.close();
  const { user, system } = process.cpuUsage(cpu);
  const ended = {
    problem: moved.problem,
    isEqual: isEqual(join(to, entry.name), now),
    counts,
    received: workers.received(),
    done: workers.progress().bytesDone + counts.bytesReused - size,
    passed: line.passed() + line.sent(),
    journal,
    retried,
    elapsedMs: performance.now() - beganMs,
    cpuMs: (user + system) / 1000,
  };
  await workers.close();
  await connected.close();
  await line.stop();
  return ended;
}

function entryOf(path: string): Entry {
  const stat = statSync(path, { bigint: true });
  const { size, mtimeNs, ctimeNs, ino, mode, blocks } = stat;
  const allocated = Number(blocks) * 512;
  const name = path.slice(path.lastIndexOf('/') + 1);
  return {
    ...{ kind: 'file', name, size: `${size}`, mtimeNs: `${mtimeNs}`, ctimeNs: `${ctimeNs}`, ino: `${ino}` },
    mode: Number(mode) & 0o7777,
    ...(allocated < Number(size) && { allocated }),
  } as Entry;
}

function isEqual(path: string, other: string): boolean {
  let [a, b] = [0, 0];
  try {
    [a, b] = [openSync(path, 'r'), openSync(other, 'r')];
  } catch {
    return false;
  }
  const [mine, yours] = [Buffer.alloc(BLOCK_BYTES), Buffer.alloc(BLOCK_BYTES)];
  try {
    for (let at = 0; ; at += BLOCK_BYTES) {
      const got = [readSync(a, mine, 0, BLOCK_BYTES, at), readSync(b, yours, 0, BLOCK_BYTES, at)];
      if (got[0] !== got[1] || !mine.subarray(0, got[0]).equals(yours.subarray(0, got[0]))) return false;
      if (got[0] === 0) return true;
    }
  } finally {
    closeSync(a);
    closeSync(b);
  }
}
