// Writes rows at an even pace, in transactions that write to every table. Each answer to a COMMIT goes into the ledger.

import { setTimeout as pause } from 'node:timers/promises';
import { DELETED, type Ledger } from '../services/ledger.js';
import { random } from '../support/tree.js';
import type { Client, Cluster } from './cluster.js';
import { bodyOf, TABLES } from './tables.js';

/** Sessions; each has keys of its own. */
const SESSIONS = 4;
/** Keys of a session. */
const KEYS = 500;
/** Between two transactions of a session. */
const PAUSE_MS = 20;
/** One transaction in so many deletes its row. */
const DELETION = 15;

/** Writes from when it is made until it is told to stop, or its server goes away. */
export class Writer {
  readonly #ledger: Ledger;
  readonly #running: Promise<unknown>;
  #isStopped = false;

  private constructor(clients: readonly Client[], ledger: Ledger) {
    this.#ledger = ledger;
    this.#running = Promise.all(clients.map((client, session) => this.#run(client, session)));
  }

  static async start(cluster: Cluster, ledger: Ledger): Promise<Writer> {
    const clients = await Promise.all(Array.from({ length: SESSIONS }, cluster.connect.bind(cluster)));
    return new Writer(clients, ledger);
  }

  /** Resolves when so many more rows were acknowledged; rejects when the server has gone away before. */
  async acknowledges(more: number): Promise<void> {
    const until = this.#ledger.acknowledged + more;
    while (this.#ledger.acknowledged < until) {
      if (this.#isStopped) throw new Error('the server went away');
      await pause(20);
    }
  }

  /** Resolves when every transaction has its answer, or has none for good. */
  stop = async (): Promise<void> => {
    this.#isStopped = true;
    await this.#running;
  };

  async #run(client: Client, session: number): Promise<void> {
    const next = random(this.#ledger.nextVersion() * SESSIONS + session);
    while (!this.#isStopped) {
      const id = Math.floor(next() * KEYS) * SESSIONS + session;
      const version = Math.floor(next() * DELETION) === 0 ? DELETED : this.#ledger.nextVersion();
      if (!(await this.#write(client, id, version))) this.#isStopped = true;
      await pause(PAUSE_MS);
    }
    await client.end().catch(() => {}); // it may be lost
  }

  /** Whether it was answered. Without an answer nobody knows whether it was committed. */
  async #write(client: Client, id: number, version: number): Promise<boolean> {
    const answered = await transact(client, id, version).then(
      () => true,
      () => false,
    );
    for (const table of TABLES) this.#ledger.wrote({ table, id, version }, answered);
    return answered;
  }
}

async function transact(client: Client, id: number, version: number): Promise<void> {
  await client.query('BEGIN');
  for (const { name } of TABLES)
    if (version === DELETED) await client.query(`DELETE FROM ${name} WHERE id = $1`, [id]);
    else
      await client.query(
        `INSERT INTO ${name} VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET v = excluded.v, body = excluded.body`,
        [id, version, bodyOf(name, id, version)],
      );
  await client.query('COMMIT');
}
