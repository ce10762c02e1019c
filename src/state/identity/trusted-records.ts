// Checks that records may be obeyed: nobody but root and the caller can write them. A refusal names the path and who else can write it.

import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, LmError, localError, printable } from '../../errors.js';
import { type Fault, faultOf, faultOnPath } from '../../trust/trust.js';

/** Several users may share a state directory: each migration in it has an owner of its own. */
const MAY_BE_SHARED = { shared: 'parent' } as const;

/**
 * The first entry on the path to `dir`, or in it, that another user could have put there or can change; undefined when there is none, or
 * nothing exists yet. Throws `local` when an entry cannot be examined.
 */
export function faultInRecords(dir: string): Fault | undefined {
  try {
    return (
      faultOnPath(dir, MAY_BE_SHARED) ??
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

/** A link is a fault as well: lm makes none. */
function faultIn(path: string): Fault | undefined {
  try {
    const stat = lstatSync(path);
    if (stat.isSymbolicLink())
      return { path, why: 'is a link, which lm never makes', command: `rm ${printable(path)}` };
    return faultOf(path, stat);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined; // removed meanwhile, by another lm
    throw error;
  }
}

/** As `refuseUntrustedRecords`, for a state directory, which several users may share. Called before anything in it is read. */
export function refuseUntrustedPath(dir: string): void {
  try {
    refuse(dir, faultOnPath(dir, { shared: 'end' }));
  } catch (error) {
    throw localError('look at', dir, error);
  }
}

/** `/s/destination-1f2e3d4c belongs to uid 1000 (alice)` */
export const faultText = ({ path, why }: Fault): string => `${printable(path)} ${why}`;

/** Throws `usage`, naming what another user can change. */
export const refuseUntrustedRecords = (dir: string, fault = faultInRecords(dir)): void => refuse(dir, fault);

function refuse(dir: string, fault: Fault | undefined): void {
  if (!fault) return;
  throw new LmError('not-trusted', `the records in ${printable(dir)} are not trusted: ${faultText(fault)}`, {
    hint: `give another --state-dir; or, if they are right as they are: ${fault.command}`,
  });
}
