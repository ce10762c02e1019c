// pgbench: PostgreSQL's own load, each transaction of which moves an amount in three tables and says so in a fourth.

import { Daemon } from '../services/daemon.js';
import { AS_ACCOUNT } from './account.js';
import { type Cluster, program } from './cluster.js';

const CLIENTS = 4;

/** `scale`: 15 MB each. */
export const fill = (cluster: Cluster, scale: number): Promise<string> =>
  cluster.clientTool('pgbench', '-i', '-q', '-s', `${scale}`, 'postgres');

export class Pgbench {
  readonly #daemon = new Daemon('pgbench');

  /** At this rate until its server goes away. */
  constructor({ address, port }: Cluster, perSecond: number) {
    this.#daemon.start([
      ...[...AS_ACCOUNT, program('pgbench'), '-h', address, '-p', `${port}`, '-U', 'postgres', '-n'],
      ...['-c', `${CLIENTS}`, '-R', `${perSecond}`, '-T', '3600', '-P', '1', 'postgres'],
    ]);
  }

  /** Resolves when it has been answered some transactions. */
  works = (): Promise<void> => this.#daemon.logs(/^progress: .* [1-9][\d.]* tps/m);

  /** Resolves when it has been answered so many more, by its own count of each second. */
  async commits(more: number): Promise<void> {
    const committed = (): number =>
      [...this.#daemon.log.matchAll(/^progress: .* ([\d.]+) tps/gm)].reduce((sum, [, tps]) => sum + Number(tps), 0);
    const until = committed() + more;
    while (committed() < until) await this.#daemon.hears();
  }

  /** When it has ended: how many transactions were acknowledged, and how many there may be at most, for one a client had no answer. */
  async acknowledged(): Promise<{ least: number; most: number }> {
    await this.#daemon.ended();
    const [, processed] = /^number of transactions actually processed: (\d+)/m.exec(this.#daemon.log) ?? [];
    if (processed === undefined) throw new Error(`pgbench did not count:\n${this.#daemon.lastWords}`);
    return { least: Number(processed), most: Number(processed) + CLIENTS };
  }

  end = (): Promise<void> => this.#daemon.end('SIGKILL');
}
