// `lm` as it is typed on one host, with its defaults: the home and the records are the host's own. Knows no Cassandra.

import { mkdirSync } from 'node:fs';
import { expect } from '@jest/globals';
import { type Agent, type Finished, type LmOptions, type Running, startAgent, startLm } from '../support/lm.js';
import { DIES_WITH_US } from './dies-with-us.js';

/** What a command must end with: its code, and what it must have said on either stream. */
export interface Ending {
  code: number;
  says?: readonly (string | RegExp)[];
}

export class Host {
  readonly #dir: string;
  readonly #running = new Set<Running>();
  /** A program that every command is run under. */
  readonly #under: string[];

  constructor(dir: string, under: string[]) {
    this.#dir = dir;
    this.#under = under;
    mkdirSync(dir);
  }

  start(args: string[]): Running {
    const running = startLm(args, this.#options());
    this.#running.add(running);
    return running;
  }

  /** To its end, which must be this one. */
  async lm(args: string[], { code, says = [] }: Ending): Promise<Finished> {
    const finished = await this.start(args).done;
    const all = finished.stdout + finished.stderr + finished.blind;
    const missing = says.filter((text) => (typeof text === 'string' ? !all.includes(text) : !text.test(all)));
    const ended = { command: args.join(' '), code: finished.code, missing, all };
    expect(ended).toEqual({ ...ended, code, missing: [] });
    return finished;
  }

  /** Listening when this resolves, where `args` say, with the token that they say or one of its own. */
  async serve(args: string[]): Promise<Agent> {
    const agent = await startAgent(args, { ...this.#options(), ownToken: true });
    this.#running.add(agent.process);
    return agent;
  }

  end = async (): Promise<void> => {
    for (const running of this.#running) {
      running.kill('SIGKILL');
      await running.done;
    }
  };

  #options = (): LmOptions => ({ cwd: this.#dir, env: { HOME: this.#dir }, under: [...DIES_WITH_US, ...this.#under] });
}
