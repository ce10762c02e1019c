// What every case of the suite must know of this run of it: long or short, its seed, what this machine can do. Makes no fault.

import { execFileSync } from 'node:child_process';
import { appendFileSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, test } from '@jest/globals';
import { random } from '../support/tree.js';
import { NAMESPACE } from './strace.js';

export const LONG = process.env['LM_FAULTS'] === 'long';

export const SEED = Number(process.env['LM_SEED'] ?? 1);

/** So much in the long form, so much in the short one. */
export const inForm = (long: number, short: number): number => (LONG ? long : short);

/** The seed's numbers for one case, whatever other cases draw. */
export function chance(name: string) {
  const next = random([...name].reduce((sum, letter) => Math.imul(sum, 31) + letter.codePointAt(0)!, SEED));
  const below = (limit: number): number => Math.floor(next() * limit);
  return { next, below, pick: <T>(from: readonly T[]): T => from[below(from.length)]! };
}

export type Chance = ReturnType<typeof chance>;

/** Writes down a fault that has been made; `group` and `detail` are those of the suite's last lines. */
export function tally(group: 'kills' | 'cuts' | 'injected errors' | 'other faults', detail: string): void {
  write(group, detail);
}

function write(group: string, detail: string): void {
  const ledger = process.env['LM_FAULTS_LEDGER'];
  if (ledger !== undefined) appendFileSync(ledger, `${group}\t${detail}\n`);
}

const works = ([command, ...args]: string[]): boolean => {
  try {
    execFileSync(command!, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

const STRACE = ['strace', '-f', '-qqq', '-e', 'trace=none', 'true'];

/** A container may have the program and forbid what it does. */
export const HAS_STRACE = works(STRACE);
export const CAN_INJECT = works([...NAMESPACE, ...STRACE]);

export const IS_ROOT = process.getuid?.() === 0;

/** `describe`, or where it cannot be run a line that says so at the end. `LM_REQUIRE_ALL=1` forbids that. */
export function describeIf(can: boolean, name: string, lacking: string, cases: () => void): void {
  if (can) return describe(name, cases);
  write('not run', `${name}, for want of ${lacking}`);
  if (process.env['LM_REQUIRE_ALL'] === '1')
    test(name, () => {
      throw new Error(`cannot be run for want of ${lacking}`);
    });
  else describe.skip(name, cases);
}

/** Memory where there is enough of it: this suite is about order, not about disks. */
export function roomyDirectory(bytes: number): string {
  try {
    const { bavail, bsize } = statfsSync('/dev/shm');
    return bavail * bsize > 2 * bytes ? '/dev/shm' : tmpdir();
  } catch {
    return tmpdir();
  }
}
