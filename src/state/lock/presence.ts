// Announces an agent to other processes of this host, and finds the agents that run for an instance. Each agent listens at an address named
// by the instance's directory and sends its status; the kernel frees the address however the agent ends.

import { statSync } from 'node:fs';
import { localError } from '../../errors.js';
import { recordText } from '../atomic-file.js';
import { addressFor, closeSocket, listenAt } from './listening-socket.js';
import { addressesFrom, type HolderAnswer, queryHolder, selfAs } from './lock-holder.js';

/** `status` is called for each request; `end` frees the address. Throws `local`. */
export async function announceAgent(dir: string, status: () => object): Promise<{ end(): Promise<void> }> {
  const self = selfAs('lm serve');
  const server = await listenAt(addressFor(`${nameFor(dir)}${self.pid}`), () => recordText({ ...status(), ...self }));
  return {
    end: async () => {
      if (server) await closeSocket(server);
    },
  };
}

/** The agents of this host and this network namespace. */
export async function agentsOf(dir: string): Promise<HolderAnswer[]> {
  const answers = await Promise.all(addressesFrom(`\0${nameFor(dir)}`).map(queryHolder));
  return answers.filter((one) => one !== undefined);
}

function nameFor(dir: string): string {
  try {
    const { dev, ino } = statSync(dir, { bigint: true });
    return `lm-agent:${dev}:${ino}:`;
  } catch (error) {
    throw localError('look at', dir, error);
  }
}
