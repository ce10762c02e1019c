// The agents that run for an instance: each listens at an address of its own, named by the instance's directory, and says what it is
// doing to whoever asks on this host. The kernel frees the address however the agent ends.

import { statSync } from 'node:fs';
import { localError } from '../../errors.js';
import { recordText } from '../atomic-file.js';
import { addressFor, closeSocket, listenAt } from './listening-socket.js';
import { addressesFrom, type Heard, hear, selfAs } from './lock-holder.js';

/** `says` is asked each time; `end` frees the address. Throws `local`. */
export async function announceAgent(dir: string, says: () => object): Promise<{ end(): Promise<void> }> {
  const self = selfAs('lm serve');
  const server = await listenAt(addressFor(`${nameFor(dir)}${self.pid}`), () => recordText({ ...says(), ...self }));
  return {
    end: async () => {
      if (server) await closeSocket(server);
    },
  };
}

/** Those of this host, and of this network namespace. */
export async function agentsOf(dir: string): Promise<Heard[]> {
  const heard = await Promise.all(addressesFrom(`\0${nameFor(dir)}`).map(hear));
  return heard.filter((one) => one !== undefined);
}

function nameFor(dir: string): string {
  try {
    const { dev, ino } = statSync(dir, { bigint: true });
    return `lm-agent:${dev}:${ino}:`;
  } catch (error) {
    throw localError('look at', dir, error);
  }
}
