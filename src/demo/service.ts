// A make-believe database for `lm demo`: a tree shaped like Cassandra's, and a life of flushes and compactions in it.
// Knows nothing of migrations.

import { randomFillSync } from 'node:crypto';
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { removeIfThere } from '../files/if-there.js';

const TABLES = ['shop/orders-5a1c39e0', 'shop/customers-6b2d40f1', 'metrics/samples-7c3e5102', 'system/peers-7ad54392'];
const SSTABLES_A_TABLE = 20;
const KIB = 1024;

const CHANGE_EVERY_MS = 20;
const FLUSH_EVERY = 50;
const COMPACT_EVERY = 100;

/** However slow the host and long the copy, what is new since a listing stays below 5 % of the tree: an SSTable is 1.2 %. */
const FLUSHES_AT_MOST = 3;
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
  /** So many flushes, compactions and commit log appends so far. */
  changes(): number;
  /** The last write has been made when this returns. */
  stop(): void;
}

/** Writes the tree: about 80 MB in 650 files below `data` and `commitlog`, a snapshot among them. */
export function createTables(data: string, commitlog: string): void {
  mkdirSync(commitlog, { recursive: true });
  writeFileSync(join(commitlog, COMMIT_LOG), filled(COMMIT_LOG_BYTES));
  for (const table of TABLES) {
    mkdirSync(join(data, table, 'backups'), { recursive: true });
    for (let generation = 1; generation <= SSTABLES_A_TABLE; generation++) flush(join(data, table), generation);
    const snapshot = join(data, table, 'snapshots', 'before-upgrade');
    mkdirSync(snapshot, { recursive: true });
    writeFileSync(join(snapshot, 'manifest.json'), '{"files":[]}\n');
  }
}

/** Lives until stopped: fills its commit log round and round all the time, and a few times flushes a table or compacts two SSTables. */
export function startService(data: string, commitlog: string): Service {
  let generation = SSTABLES_A_TABLE;
  let compacted = 0;
  let count = 0;
  const live = () => {
    count++;
    overwrite(join(commitlog, COMMIT_LOG), (count * APPEND_BYTES) % COMMIT_LOG_BYTES);
    const table = join(data, TABLES[count % TABLES.length]!);
    if (count % FLUSH_EVERY === 0 && count <= FLUSHES_AT_MOST * FLUSH_EVERY) flush(table, ++generation);
    // Compaction: one table after the other loses its oldest SSTable.
    if (count % COMPACT_EVERY === 0 && compacted < FLUSHES_AT_MOST) compacted++;
    if (count % COMPACT_EVERY < TABLES.length && compacted > 0) drop(table, compacted);
  };
  const timer = setInterval(live, CHANGE_EVERY_MS);
  return { changes: () => count, stop: () => clearInterval(timer) };
}

function flush(table: string, generation: number): void {
  for (const [name, bytes] of COMPONENTS) writeFileSync(component(table, generation, name), filled(bytes));
}

/** As a commit log is filled: in place, in a file of a fixed size. */
function overwrite(path: string, position: number): void {
  const fd = openSync(path, 'r+');
  try {
    writeSync(fd, filled(APPEND_BYTES), 0, APPEND_BYTES, position);
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
