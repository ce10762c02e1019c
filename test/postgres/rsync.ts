// rsync from its daemon, as the usual way to bring a copy of a cluster up to date. Ends with the suite.

import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Daemon } from '../services/daemon.js';
import type { Service } from '../services/scenario.js';
import { run } from '../services/tool.js';

export class RsyncDaemon implements Service {
  readonly dir: string;
  readonly #port: number;
  readonly #daemon = new Daemon('rsync');

  /** `dir`: what it serves. */
  constructor(dir: string, port: number) {
    this.dir = dir;
    this.#port = port;
  }

  get lastWords(): string {
    return this.#daemon.lastWords;
  }

  /** Resolves when it accepts connections. */
  async start(config: string): Promise<void> {
    writeFileSync(
      config,
      `use chroot = no\nuid = 0\ngid = 0\nlog file = /dev/stderr\n[all]\n  path = ${this.dir}\n  read only = yes\n`,
    );
    const where = ['--address', '127.0.0.1', '--port', `${this.#port}`];
    this.#daemon.start(['rsync', '--daemon', '--no-detach', '--config', config, ...where]);
    while (!(await accepts(this.#port))) {
      if (this.lastWords.includes('rsync error')) throw new Error(`rsync ended:\n${this.lastWords}`);
      await pause(20);
    }
  }

  kill = (): Promise<void> => this.#daemon.end('SIGKILL');
}

/** Files were there when they were listed, and are gone. */
const VANISHED = 24;

/**
 * What the source no longer has goes. `port`: the daemon's, or that of a line to it. Rejects when it fails; of a `live` source, which takes
 * files away meanwhile, that is no failure.
 */
export async function rsync(
  port: number,
  to: string,
  { excluded, live }: { excluded: readonly string[]; live: boolean },
) {
  const exclude = excluded.map((pattern) => `--exclude=${pattern}`);
  const { code, said } = await run(['rsync', '-a', '--delete', ...exclude, `rsync://127.0.0.1:${port}/all/`, `${to}/`]);
  if (code !== 0 && !(live && code === VANISHED)) throw new Error(`rsync ended with ${code}:\n${said}`);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}
