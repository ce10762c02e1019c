// Reads how long the processes of this host have waited for its disks, which the kernel counts (pressure stall information).

import { readFileSync } from 'node:fs';
import { errnoOf } from '../errors.js';

export const IO_PRESSURE_FILE = '/proc/pressure/io';

/**
 * Microseconds since the start of the host in which some process waited for a disk. The averages beside that sum follow too slowly: a
 * service would have been slow for ten seconds. `why` for people, where the kernel does not count.
 */
export function readIoPressure(file = IO_PRESSURE_FILE): { waitedUs: number } | { why: string } {
  try {
    const [, total] = /^some .*\btotal=(\d{1,16})$/m.exec(readFileSync(file, 'latin1')) ?? [];
    return total === undefined ? { why: `${file} has no line of "some" with its total` } : { waitedUs: Number(total) };
  } catch (error) {
    return { why: whyNot(errnoOf(error) ?? String(error), file) };
  }
}

function whyNot(code: string, file: string): string {
  if (code === 'ENOENT') return `there is no ${file}: the kernel does not count it, or the container hides it`;
  if (code === 'EOPNOTSUPP' || code === 'ENOTSUP') return `${file}: the kernel counts it only when booted with psi=1`;
  return `${file}: ${code}`;
}
