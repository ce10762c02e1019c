// A program that runs until it is ended, and what it writes meanwhile. Ends with the suite.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { DIES_WITH_US } from './dies-with-us.js';

export class Daemon {
  /** For messages. */
  readonly #name: string;
  #child: ChildProcess | undefined;
  #log = '';
  readonly #heard = new Set<() => void>();

  constructor(name: string) {
    this.#name = name;
  }

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error(`${this.#name} does not run`);
    return this.#child.pid;
  }

  /** What it has written since it was last started. */
  get log(): string {
    return this.#log;
  }

  /** The end of that. */
  get lastWords(): string {
    return this.#log
      .slice(-50_000)
      .split('\n')
      .filter((line) => !line.startsWith('\tat '))
      .slice(-12)
      .map((line) => line.slice(0, 200))
      .join('\n'); // one line is all settings
  }

  /** `command` begins with flags of setpriv, if there are any. */
  start(command: readonly string[]): void {
    this.#log = '';
    const [setpriv, ...args] = [...DIES_WITH_US, ...command];
    const child = spawn(setpriv!, args, { cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', this.#hear);
    child.once('close', () => {
      if (this.#child === child) this.#child = undefined;
      this.#hear('');
    });
  }

  /** Resolves when its log has it; rejects when it ends first. */
  logs(pattern: RegExp): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = pattern.test(this.#log);
        if (!found && this.#child) return;
        this.#heard.delete(look);
        if (found) resolve();
        else reject(new Error(`${this.#name} ended without logging ${pattern}:\n${this.lastWords}`));
      };
      this.#heard.add(look);
      look();
    });
  }

  /** Resolves when it writes something; rejects when it ends. */
  hears(): Promise<void> {
    const length = this.#log.length;
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (this.#child && this.#log.length === length) return;
        this.#heard.delete(look);
        if (this.#child) resolve();
        else reject(new Error(`${this.#name} ended:\n${this.lastWords}`));
      };
      this.#heard.add(look);
    });
  }

  /** Resolves when it has ended by itself. */
  async ended(): Promise<void> {
    if (this.#child) await once(this.#child, 'close');
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    const ended = this.ended();
    this.#child?.kill(signal);
    await ended;
  }

  #hear = (text: string): void => {
    this.#log += text;
    for (const look of this.#heard) look();
  };
}
