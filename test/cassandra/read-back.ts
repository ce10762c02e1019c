// Reads every row of every table from one node, and holds it up to the ledger. Writes nothing.

import { DELETED, type Ledger } from '../services/ledger.js';
import type { Client } from './client.js';
import { COUNTER, type Found, KEYSPACE, TABLES, TAGS, type Table } from './tables.js';

export interface ReadBack {
  rows: number;
  /** What is not as it was acknowledged, a line each. */
  wrong: string[];
}

export async function readBack(client: Client, ledger: Ledger): Promise<ReadBack> {
  const read: ReadBack = { rows: 0, wrong: [] };
  for (const table of TABLES) await readTable(client, ledger, table, read);
  await readCounters(client, ledger, read);
  return read;
}

async function readTable(client: Client, ledger: Ledger, table: Table, read: ReadBack): Promise<void> {
  const there = new Map<number, number>();
  for await (const row of rowsOf(client, `SELECT * FROM ${KEYSPACE}.${table.name}`)) {
    there.set(row.id, row.v);
    if (!table.holds(row)) read.wrong.push(`${table.name} ${row.id}: not what version ${row.v} holds`);
  }
  read.rows += there.size;
  for (const id of new Set([...ledger.keysOf(table), ...there.keys()])) {
    const version = there.get(id) ?? DELETED;
    if (!ledger.allows({ table, id, version }))
      read.wrong.push(`${table.name} ${id}: version ${version}, expected ${ledger.expectedOf(table, id)}`);
  }
  if (table.name === 'sai') await readIndex(client, there, read);
}

/** By the index each row is found that is there. */
async function readIndex(client: Client, there: ReadonlyMap<number, number>, { wrong }: ReadBack): Promise<void> {
  const found = new Set<number>();
  for (let tag = 0; tag < TAGS; tag++)
    for await (const { id } of rowsOf(client, `SELECT id FROM ${KEYSPACE}.sai WHERE tag = ?`, [`tag${tag}`]))
      found.add(id);
  if (found.size !== there.size) wrong.push(`sai: the index finds ${found.size} of ${there.size} rows`);
}

async function readCounters(client: Client, ledger: Ledger, read: ReadBack): Promise<void> {
  const there = new Map<number, number>();
  for await (const { id, c } of rowsOf(client, `SELECT * FROM ${KEYSPACE}.${COUNTER}`)) there.set(id, Number(c));
  read.rows += there.size;
  for (const [id, { acknowledged, unanswered }] of ledger.counters) {
    const count = there.get(id) ?? 0;
    if (count < acknowledged || count > acknowledged + unanswered)
      read.wrong.push(`${COUNTER} ${id}: ${count}, expected ${acknowledged} and ${unanswered} not answered`);
  }
}

async function* rowsOf(client: Client, query: string, values: unknown[] = []): AsyncGenerator<Found> {
  let pageState: string | undefined;
  do {
    const page = await client.execute(query, values, { prepare: true, ...(pageState && { pageState }) });
    yield* page.rows as unknown as Found[];
    pageState = page.pageState;
  } while (pageState);
}
