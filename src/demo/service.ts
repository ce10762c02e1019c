// Simulates a database for `lm demo`: writes a tree shaped like Cassandra's, and changes it by flushes, compactions and commit log writes.

import { randomFillSync } from 'node:crypto';
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeIfThere } from '../files/if-there.js';
import { writeAll } from '../files/write-all.js';

const TABLES = ['shop/orders-5a1c39e0', 'shop/customers-6b2d40f1', 'metrics/samples-7c3e5102', 'system/peers-7ad54392'];
const SSTABLES_PER_TABLE = 20;
const KIB = 1024;

const CHANGE_EVERY_MS = 20;
const FLUSH_EVERY = 50;
const COMPACT_EVERY = 100;

/** However long the copy takes, new data stays below 5 % of the tree, so that the threshold of 0.95 is reached: an SSTable is 1.2 %. */
const MAX_FLUSHES = 3;
const COMMIT_LOG = 'CommitLog-7-1700000000001.log';
const COMMIT_LOG_BYTES = 500 * KIB;
const APPEND_BYTES = 4 * KIB;

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
  /** The number of flushes, compactions and commit log writes so far. */
  changes(): number;
  /** When this returns, no more writes are made. */
  stop(): void;
}

/** Writes the tree: about 80 MB in 650 files below `data` and `commitlog`, a snapshot among them. */
export function createTables(data: string, commitlog: string): void {
  mkdirSync(commitlog, { recursive: true });
  writeFileSync(join(commitlog, COMMIT_LOG), filled(COMMIT_LOG_BYTES));
  for (const table of TABLES) {
    mkdirSync(join(data, table, 'backups'), { recursive: true });
    for (let generation = 1; generation <= SSTABLES_PER_TABLE; generation++) flush(join(data, table), generation);
    const snapshot = join(data, table, 'snapshots', 'before-upgrade');
    mkdirSync(snapshot, { recursive: true });
    writeFileSync(join(snapshot, 'manifest.json'), '{"files":[]}\n');
  }
}

/** Runs until stopped: overwrites its commit log in a circle all the time, and a few times flushes a table or compacts SSTables. */
export function startService(data: string, commitlog: string): Service {
  let generation = SSTABLES_PER_TABLE;
  let compacted = 0;
  let count = 0;
  const change = () => {
    count++;
    overwrite(join(commitlog, COMMIT_LOG), (count * APPEND_BYTES) % COMMIT_LOG_BYTES);
    const table = join(data, TABLES[count % TABLES.length]!);
    if (count % FLUSH_EVERY === 0 && count <= MAX_FLUSHES * FLUSH_EVERY) flush(table, ++generation);
    // Compaction: one table after the other loses its oldest SSTable.
    if (count % COMPACT_EVERY === 0 && compacted < MAX_FLUSHES) compacted++;
    if (count % COMPACT_EVERY < TABLES.length && compacted > 0) drop(table, compacted);
  };
  const timer = setInterval(change, CHANGE_EVERY_MS);
  return { changes: () => count, stop: () => clearInterval(timer) };
}

function flush(table: string, generation: number): void {
  for (const [name, bytes] of COMPONENTS) writeFileSync(component(table, generation, name), filled(bytes));
}

/** Writes in place in a file of a fixed size, as Cassandra fills a commit log. */
function overwrite(path: string, position: number): void {
  const fd = openSync(path, 'r+');
  try {
    writeAll(fd, filled(APPEND_BYTES), position);
  } finally {
    closeSync(fd);
  }
}

function drop(table: string, generation: number): void {
  for (const [name] of COMPONENTS) removeIfThere(component(table, generation, name));
}

const component = (table: string, generation: number, name: string): string =>
  join(table, `nb-${generation}-big-${name}`);

const filled = (bytes: number): Buffer => randomFillSync(Buffer.allocUnsafe(bytes));
