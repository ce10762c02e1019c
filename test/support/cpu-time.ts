// Processor time, for limits that a busy host must not stretch.

import { readFileSync } from 'node:fs';

/** What `act` costs this process, in milliseconds. */
export function cpuMs(act: () => void): number {
  const before = process.cpuUsage();
  act();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** What another process has cost so far, in milliseconds; the kernel counts in hundredths of a second. */
export const cpuMsOf = (pid: number): number => costIn(`/proc/${pid}/stat`);

/** The same of its first thread alone: in Node, of the event loop. */
export const loopMsOf = (pid: number): number => costIn(`/proc/${pid}/task/${pid}/stat`);

function costIn(path: string): number {
  const stat = readFileSync(path, 'utf8');
  const [user, system] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13); // see proc(5)
  return (Number(user) + Number(system)) * 10;
}
