// Whose records are these? Those that root or the caller alone can write may be obeyed; of others is said whose they are.

import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, LmError, localError, printable } from '../../errors.js';
import { type Fault, faultOf, faultOnWay } from '../../trust/trust.js';

/** A state directory may be several users': each migration in it has an owner, and a record that says what it is for. */
const AMONG_OTHERS = { shared: 'parent' } as const;

/**
 * The first thing on the way to `dir`, or in it, that a stranger could have put there or can change; undefined when there is none, or
 * nothing is there yet. Throws `local` when that cannot be looked at.
 */
export function strangerIn(dir: string): Fault | undefined {
  try {
    return (
      faultOnWay(dir, AMONG_OTHERS) ??
      namesIn(dir)
        .map((name) => faultIn(join(dir, name)))
        .find((fault) => fault !== undefined)
    );
  } catch (error) {
    throw localError('look at', dir, error);
  }
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** A link leads elsewhere, and lm makes none. */
function faultIn(path: string): Fault | undefined {
  try {
    const stat = lstatSync(path);
    if (stat.isSymbolicLink())
      return { path, why: 'is a link, which lm never makes', command: `rm ${printable(path)}` };
    return faultOf(path, stat);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined; // of another lm, and gone
    throw error;
  }
}

/** As `refuseStrangers`, of a state directory, which may be several users'; before what is in it is read. */
export function refuseStrangersOnWay(dir: string): void {
  try {
    refuse(dir, faultOnWay(dir, { shared: 'end' }));
  } catch (error) {
    throw localError('look at', dir, error);
  }
}

/** `/s/destination-1f2e3d4c belongs to uid 1000 (alice)` */
export const strangerText = ({ path, why }: Fault): string => `${printable(path)} ${why}`;

/** Throws `usage`, naming what a stranger has a hand in. */
export const refuseStrangers = (dir: string, fault = strangerIn(dir)): void => refuse(dir, fault);

function refuse(dir: string, fault: Fault | undefined): void {
  if (!fault) return;
  throw new LmError('usage', `the records in ${printable(dir)} are not obeyed: ${strangerText(fault)}`, {
    hint: `give another --state-dir; or, if they are right as they are: ${fault.command}`,
  });
}
