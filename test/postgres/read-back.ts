// Reads every row back and holds it up to the ledger, and pgbench's tables to what pgbench was answered. Writes nothing.

import { DELETED, type Ledger } from '../services/ledger.js';
import type { Client } from './cluster.js';
import { bodyOf, TABLES, type Table } from './tables.js';

export interface ReadBack {
  rows: number;
  /** What is not as it was acknowledged, a line each. */
  wrong: string[];
}

export async function readBack(client: Client, ledger: Ledger): Promise<ReadBack> {
  const read: ReadBack = { rows: 0, wrong: [] };
  const versions = [];
  for (const table of TABLES) versions.push(await readTable(client, ledger, table, read));
  const [first, ...others] = versions.map((there) => JSON.stringify([...there].sort(([a], [b]) => a - b)));
  if (others.some((other) => other !== first)) read.wrong.push('a transaction is in one table and not in another');
  return read;
}

async function readTable(client: Client, ledger: Ledger, table: Table, read: ReadBack): Promise<Map<number, number>> {
  const { wrong } = read;
  const there = new Map<number, number>();
  const { rows } = await client.query<{ id: number; v: number; body: string }>(`SELECT id, v, body FROM ${table.name}`);
  for (const { id, v, body } of rows) {
    there.set(id, v);
    if (body !== bodyOf(table.name, id, v)) wrong.push(`${table.name} ${id}: not what version ${v} holds`);
  }
  read.rows += there.size;
  for (const id of new Set([...ledger.keysOf(table), ...there.keys()])) {
    const version = there.get(id) ?? DELETED;
    if (!ledger.allows({ table, id, version }))
      wrong.push(`${table.name} ${id}: version ${version}, expected ${ledger.expectedOf(table, id)}`);
  }
  return there;
}

export interface Totals {
  /** Rows of pgbench's history: transactions that were committed. */
  transactions: number;
  /** What the history says was moved, and the sums of the tables that it was moved in: all the same where no transaction is there in part. */
  moved: string;
  sums: string[];
}

export async function pgbenchTotals(client: Client): Promise<Totals> {
  const { rows } = await client.query<{ transactions: number; moved: string; sums: string[] }>(`
    SELECT count(*)::int AS transactions, coalesce(sum(delta), 0)::text AS moved, ARRAY[
      (SELECT sum(abalance)::text FROM pgbench_accounts), (SELECT sum(bbalance)::text FROM pgbench_branches),
      (SELECT sum(tbalance)::text FROM pgbench_tellers)] AS sums
    FROM pgbench_history`);
  return rows[0]!;
}
