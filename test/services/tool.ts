// A program that is run to its end. Ends with the suite.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { DIES_WITH_US } from './dies-with-us.js';

export interface Ran {
  code: number | null;
  /** What it has printed, on either stream. */
  said: string;
}

/** `command` begins with flags of setpriv, if there are any. */
export async function run(command: readonly string[]): Promise<Ran> {
  const [setpriv, ...args] = [...DIES_WITH_US, ...command];
  const child = spawn(setpriv!, args, { cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  const [code] = await once(child, 'close');
  return { code, said };
}

/** Returns what it prints; rejects when it fails. */
export async function succeed(name: string, command: readonly string[]): Promise<string> {
  const { code, said } = await run(command);
  if (code !== 0) throw new Error(`${name} ended with ${code}:\n${said}`);
  return said;
}
