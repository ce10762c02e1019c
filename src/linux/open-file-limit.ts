// How many files and sockets this process may have open. Raises no limit: Node has raised it as far as it may when it starts.

import { readFileSync } from 'node:fs';

/** Where /proc does not say: what many systems give a process. */
const USUAL = 1024;

export function openFileLimit(): number {
  try {
    const soft = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return Number(soft ?? USUAL);
  } catch {
    return USUAL;
  }
}
