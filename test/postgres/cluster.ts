// A PostgreSQL cluster: processes of its own on an address of loopback, with its sockets beside its data. Ends with the suite.

import { join } from 'node:path';
import pg from 'pg';
import { Daemon } from '../services/daemon.js';
import type { Service } from '../services/scenario.js';
import { run, succeed } from '../services/tool.js';
import { AS_ACCOUNT } from './account.js';

export interface Place {
  /** On loopback. */
  address: string;
  port: number;
}

export interface ClusterSettings extends Place {
  /** The data directory, as the host of the cluster has it. */
  data: string;
  /** Flags and a program that everything is run under, which becomes what it runs: a host of its own. */
  under?: readonly string[];
}

/** Small enough for checkpoints to recycle segments while the suite runs. */
const SETTINGS = ['max_wal_size=128MB', 'min_wal_size=80MB', 'checkpoint_timeout=30s', 'checkpoint_flush_after=0'];

/** A program of PostgreSQL. */
export const program = (name: string): string => join(process.env['LM_POSTGRES'] ?? '', name);

export class Cluster implements Service {
  readonly dir: string;
  readonly address: string;
  readonly port: number;
  readonly #data: string;
  readonly #under: readonly string[];
  readonly #daemon: Daemon;

  /** `dir`: an own directory, for its sockets. */
  constructor(dir: string, { address, port, data, under = [] }: ClusterSettings) {
    this.dir = dir;
    this.address = address;
    this.port = port;
    this.#data = data;
    this.#under = under;
    this.#daemon = new Daemon(dir);
  }

  get pid(): number {
    return this.#daemon.pid;
  }

  get lastWords(): string {
    return this.#daemon.lastWords;
  }

  init = (): Promise<string> =>
    this.tool('initdb', '--data-checksums', '--auth=trust', '--username=postgres', '-D', this.#data);

  /** Resolves when it takes clients. */
  async start(): Promise<void> {
    const { dir, address, port } = this;
    const settings = SETTINGS.flatMap((setting) => ['-c', setting]);
    this.#daemon.start([
      ...this.#as(),
      ...[program('postgres'), '-D', this.#data, '-h', address, '-p', `${port}`, '-k', dir, ...settings],
    ]);
    await this.#daemon.logs(/ database system is ready to accept connections/);
  }

  /** `immediate` is a crash: what its log alone has is not in its tables yet. */
  async stop(mode: 'fast' | 'immediate'): Promise<void> {
    const ended = this.#daemon.ended();
    await this.tool('pg_ctl', 'stop', '-m', mode, '-D', this.#data);
    await ended;
  }

  /** Its other processes end when they see that the first one has. */
  kill = (): Promise<void> => this.#daemon.end('SIGKILL');

  /** Runs a program of PostgreSQL, and returns what it prints; rejects when it fails. */
  tool = (name: string, ...args: string[]): Promise<string> =>
    succeed(`${name} ${args.join(' ')}`, [...this.#as(), program(name), ...args]);

  /** The same of one that asks it. */
  clientTool = (name: string, ...args: string[]): Promise<string> =>
    this.tool(name, '-h', this.address, '-p', `${this.port}`, '-U', 'postgres', ...args);

  /** Whether its pages, or those of a copy, have the checksums that they say. */
  checksums = (data = this.#data) => run([...this.#as(), program('pg_checksums'), '--check', '-D', data]);

  /** Connected when this resolves. Whoever has it looks at its queries, so its connection may be lost at any time. */
  async connect(): Promise<pg.Client> {
    const client = new pg.Client({ host: this.address, port: this.port, user: 'postgres', database: 'postgres' });
    client.on('error', () => {});
    await client.connect();
    return client;
  }

  /** setpriv comes before what it is run under and once more after it, as that takes root. */
  #as = (): string[] =>
    this.#under.length === 0 ? [...AS_ACCOUNT] : [...this.#under, 'setpriv', '--pdeathsig=KILL', ...AS_ACCOUNT];
}

export type Client = pg.Client;
