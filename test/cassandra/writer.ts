// Writes rows: many at once before a migration, and at an even pace while it goes on. Every answer goes into the ledger.

import { setTimeout as pause } from 'node:timers/promises';
import { DELETED, type Ledger, type Write } from '../services/ledger.js';
import { random } from '../support/tree.js';
import type { Client } from './client.js';
import { COUNTER, KEYSPACE, TABLES, type Table } from './tables.js';

/** Under way at once. */
const CONCURRENCY = 64;

const COUNTERS = 200;

/** Of its writes one in so many is a deletion, and one in so many an increment. */
const DELETION = 15;
const INCREMENT = 8;

/** Rows 0 to `rows` of each table, in their first version. Throws when one is not taken. */
export async function fill(client: Client, ledger: Ledger, rows: number): Promise<void> {
  const writes = TABLES.flatMap((table) => Array.from({ length: rows }, (_, id) => ({ table, id, version: 0 })));
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < writes.length) await put(client, ledger, writes[next++]!);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, lane));
  if (ledger.unanswered > 0) throw new Error(`${ledger.unanswered} of ${writes.length} rows were not taken`);
}

async function put(client: Client, ledger: Ledger, write: Write<Table>): Promise<void> {
  const { table, id, version } = write;
  const [query, values] =
    version === DELETED
      ? [`DELETE FROM ${KEYSPACE}.${table.name} WHERE id = ?`, [id]]
      : [table.write, [id, version, ...table.valuesOf(id, version)]];
  ledger.wrote(write, await isAnswered(client.execute(query, values)));
}

async function increment(client: Client, ledger: Ledger, id: number): Promise<void> {
  const query = `UPDATE ${KEYSPACE}.${COUNTER} SET c = c + 1 WHERE id = ?`;
  ledger.incremented(id, await isAnswered(client.execute(query, [id])));
}

/** Whoever gets no answer, or a refusal, does not know whether the write was taken. */
const isAnswered = (execution: Promise<unknown>): Promise<boolean> =>
  execution.then(
    () => true,
    () => false,
  );

export interface Pace {
  perSecond: number;
  /** Keys are below twice as many, so that half of the rows are new at first. */
  rows: number;
}

/** New rows, new versions of rows, deletions and increments, from when it is made until it is told to stop. */
export class Writer {
  readonly #client: Client;
  readonly #ledger: Ledger;
  readonly #rows: number;
  readonly #next: () => number;
  /** Keys that are being written to, and what waits for their answers. */
  readonly #busy = new Map<string, Promise<void>>();
  readonly #running: Promise<void>;
  #isStopped = false;

  constructor(client: Client, ledger: Ledger, { perSecond, rows }: Pace) {
    this.#client = client;
    this.#ledger = ledger;
    this.#rows = rows;
    this.#next = random(ledger.nextVersion()); // another writer of the same rows writes others first
    this.#running = this.#run(perSecond);
  }

  /** Resolves when so many more were acknowledged; rejects when that takes five minutes. */
  async acknowledges(more: number): Promise<void> {
    const [until, latestMs] = [this.#ledger.acknowledged + more, performance.now() + 300_000];
    while (this.#ledger.acknowledged < until) {
      if (performance.now() > latestMs)
        throw new Error(`${until - this.#ledger.acknowledged} writes are not acknowledged`);
      await pause(20);
    }
  }

  /** Resolves when every write has its answer, or has none for good. */
  stop = (): Promise<void> => {
    this.#isStopped = true;
    return this.#running;
  };

  async #run(perSecond: number): Promise<void> {
    const startedMs = performance.now();
    for (let sent = 0; !this.#isStopped; ) {
      for (const due = ((performance.now() - startedMs) / 1000) * perSecond; sent < due; sent++)
        if (this.#busy.size < CONCURRENCY) this.#begin();
      await pause(1000 / perSecond);
    }
    await Promise.all(this.#busy.values());
  }

  /** A write, unless its key still waits for an answer. */
  #begin(): void {
    const table = TABLES[this.#below(TABLES.length)]!;
    const isIncrement = this.#below(INCREMENT) === 0;
    const id = this.#below(isIncrement ? COUNTERS : this.#rows * 2);
    const version = this.#below(DELETION) === 0 ? DELETED : this.#ledger.nextVersion();
    const key = `${isIncrement ? COUNTER : table.name}/${id}`;
    if (this.#busy.has(key)) return;
    const written = isIncrement
      ? increment(this.#client, this.#ledger, id)
      : put(this.#client, this.#ledger, { table, id, version });
    this.#busy.set(
      key,
      written.finally(() => this.#busy.delete(key)),
    );
  }

  #below = (limit: number): number => Math.floor(this.#next() * limit);
}
