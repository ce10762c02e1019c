// Measures CPU time, for limits that hold on a busy host too.

import { readFileSync } from 'node:fs';

/** The CPU time of `act` in this process, in milliseconds. */
export function cpuMs(act: () => void): number {
  const before = process.cpuUsage();
  act();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** The CPU time of another process so far, in milliseconds; the kernel counts hundredths of a second. */
export const cpuMsOf = (pid: number): number => costIn(`/proc/${pid}/stat`);

/** The same for its first thread only: in Node, the event loop. */
export const loopMsOf = (pid: number): number => costIn(`/proc/${pid}/task/${pid}/stat`);

function costIn(path: string): number {
  const stat = readFileSync(path, 'utf8');
  const [user, system] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13); // see proc(5)
  return (Number(user) + Number(system)) * 10;
}
