// One run's belongings: its directory, its processes, the tree being copied. Everything in it is gone when it is closed.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { MIB, makeTree, type Shape } from './data.js';
import type { InReadyMemory, Tell } from './measure.js';
import { touchMemory } from './memory.js';
import { createProcesses, type Processes } from './processes.js';

export interface BenchOptions {
  /** Where the data goes; a directory of its own is made in it. */
  dir: string;
  rounds: number;
  signal: AbortSignal;
  tell: Tell;
}

export interface Bench extends Omit<BenchOptions, 'dir'> {
  processes: Processes;
  /** A path in the run's own directory; its parents are made, it is not. */
  path(...names: string[]): string;
  /** Takes away everything below `path`, which need not be there. */
  remove(path: string): Promise<void>;
  /** The tree of this shape, made when the last one asked for was another. */
  source(shape: Shape): Promise<string>;
  /** Throws when so many trees of this shape would not fit beside what is there. */
  needRoom(shape: Shape, copies: number): void;
  /** A turn that will write so much, in memory that is in the state it has before every other. */
  inReadyMemory: InReadyMemory;
  close(): Promise<void>;
}

export function openBench(options: BenchOptions): Bench {
  const dir = mkdtempSync(join(realpathSync(options.dir), 'lm-bench-'));
  const processes = createProcesses(options.signal);
  let made: Shape | undefined;
  const source = join(dir, 'source');
  const bench: Bench = {
    ...options,
    processes,
    remove,
    path(...names) {
      const path = join(dir, ...names);
      mkdirSync(join(path, '..'), { recursive: true });
      return path;
    },
    async source(shape) {
      if (made === shape) return source;
      made = undefined;
      await remove(source);
      bench.needRoom(shape, 1);
      options.tell(`making ${shape.files} files, ${Math.ceil(shape.bytes / MIB)} MiB`);
      await makeTree(source, shape, options.signal);
      made = shape;
      return source;
    },
    needRoom(shape, copies) {
      const free = freeBytes(dir);
      const files = statfsSync(dir).ffree;
      if (shape.bytes * copies > free)
        throw new Error(`takes ${mib(shape.bytes * copies)} MiB in ${options.dir}, which has ${mib(free)}`);
      if (files > 0 && shape.files * copies > files)
        throw new Error(`takes ${shape.files * copies} files in ${options.dir}, which has room for ${files}`);
    },
    async inReadyMemory(bytes, turn) {
      if (!isTmpfs(dir)) return turn();
      const letGo = await touchMemory(dir, Math.min(bytes + PROGRAM_BYTES, freeBytes(dir)), options.signal);
      return turn().finally(letGo);
    },
    async close() {
      await processes.stopAll();
      await remove(dir);
    },
  };
  return bench;
}

/** By rm(1): removing a million files in this process would keep it from hearing a signal. Ctrl-C does not reach it. */
async function remove(path: string): Promise<void> {
  const [code] = await once(spawn('rm', ['-rf', '--', path], { detached: true, stdio: 'ignore' }), 'close');
  if (code !== 0) throw new Error(`cannot remove ${path}`);
}

const mib = (bytes: number) => Math.ceil(bytes / MIB);
const TMPFS = 0x01021994;
/** What the programs themselves may want of the memory. */
const SPARED_BYTES = 1024 * MIB;
/** What they usually take: heaps, buffers, those of sockets. */
const PROGRAM_BYTES = 256 * MIB;

const isTmpfs = (dir: string): boolean => statfsSync(dir).type === TMPFS;

/** A tmpfs promises more than the memory behind it may have. */
function freeBytes(dir: string): number {
  const { bavail, bsize } = statfsSync(dir);
  const onDisk = bavail * bsize;
  if (!isTmpfs(dir)) return onDisk;
  const availableKb = Number(/^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? 0);
  return Math.max(0, Math.min(onDisk, availableKb * 1024 - SPARED_BYTES));
}
