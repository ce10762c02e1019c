// A make-believe database for `lm demo`: a tree shaped like Cassandra's, and a life of flushes and compactions in it.
// Knows nothing of migrations.

import { randomFillSync } from 'node:crypto';
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const TABLES = ['shop/orders-5a1c39e0', 'shop/customers-6b2d40f1', 'metrics/samples-7c3e5102', 'system/local-7ad54392'];
const SSTABLES_A_TABLE = 20;
const KIB = 1024;

/** Slow enough that one pass over the tree stays ahead of it. */
const CHANGE_EVERY_MS = 20;
const FLUSH_EVERY = 50;
const COMPACT_EVERY = 100;

/** The components of one SSTable and their sizes in bytes. */
const COMPONENTS: [name: string, bytes: number][] = [
  ['Data.db', 900 * KIB],
  ['Index.db', 40 * KIB],
  ['Filter.db', 6 * KIB],
  ['Statistics.db', 5 * KIB],
  ['Summary.db', 1 * KIB],
  ['CompressionInfo.db', 2 * KIB],
  ['Digest.crc32', 10],
  ['TOC.txt', 92],
];

export interface Service {
  /** So many flushes, compactions and commit log appends so far. */
  changes(): number;
  /** The last write has been made when this returns. */
  stop(): void;
}

/** Writes the tree: about 80 MB in 650 files below `data` and `commitlog`, a snapshot among them. */
export function createTables(data: string, commitlog: string): void {
  mkdirSync(commitlog, { recursive: true });
  writeFileSync(join(commitlog, 'CommitLog-7-1700000000001.log'), filled(500 * KIB));
  for (const table of TABLES) {
    mkdirSync(join(data, table, 'backups'), { recursive: true });
    for (let generation = 1; generation <= SSTABLES_A_TABLE; generation++) flush(join(data, table), generation);
    const snapshot = join(data, table, 'snapshots', 'before-upgrade');
    mkdirSync(snapshot, { recursive: true });
    writeFileSync(join(snapshot, 'manifest.json'), '{"files":[]}\n');
  }
}

/** Lives until stopped: appends to the commit log all the time, and now and then flushes a table or compacts two SSTables. */
export function startService(data: string, commitlog: string): Service {
  let generation = SSTABLES_A_TABLE;
  let compacted = 0;
  let count = 0;
  const live = () => {
    count++;
    appendFileSync(join(commitlog, 'CommitLog-7-1700000000001.log'), filled(4 * KIB));
    const table = join(data, TABLES[count % TABLES.length]!);
    if (count % FLUSH_EVERY === 0) flush(table, ++generation);
    // Compaction: one table after the other loses its oldest SSTable.
    if (count % COMPACT_EVERY === 0) compacted++;
    if (count % COMPACT_EVERY < TABLES.length && compacted > 0) drop(table, compacted);
  };
  const timer = setInterval(live, CHANGE_EVERY_MS);
  return { changes: () => count, stop: () => clearInterval(timer) };
}

function flush(table: string, generation: number): void {
  for (const [name, bytes] of COMPONENTS) writeFileSync(component(table, generation, name), filled(bytes));
}

function drop(table: string, generation: number): void {
  for (const [name] of COMPONENTS) rmSync(component(table, generation, name), { force: true });
}

const component = (table: string, generation: number, name: string): string =>
  join(table, `nb-${generation}-big-${name}`);

const filled = (bytes: number): Buffer => randomFillSync(Buffer.allocUnsafe(bytes));
