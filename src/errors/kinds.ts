// The table of errors: every kind, with the class that chooses its exit code. A kind keeps its name from version to version.

import { BUG, LOCAL, LOCKED, PROTOCOL, SOURCE, STOPS } from './failures.js';
import { REFUSED } from './refusals.js';
import type { ErrorCode, ErrorRow } from './row.js';
import { USAGE } from './usage.js';

/** The kinds of each class. One that is named for its class is for what no other of it describes better. */
const TABLE = {
  usage: USAGE,
  source: SOURCE,
  refused: REFUSED,
  protocol: PROTOCOL,
  local: LOCAL,
  locked: LOCKED,
  hungUp: { 'hung-up': STOPS['hung-up'] },
  interrupted: { interrupted: STOPS.interrupted },
  quit: { quit: STOPS.quit },
  terminated: { terminated: STOPS.terminated },
} as const satisfies Record<ErrorCode, Record<string, ErrorRow>>;

/** The name of a kind of error: `max-delete`. */
export type ErrorKind = { [Code in ErrorCode]: keyof (typeof TABLE)[Code] }[ErrorCode];

/** `code` is the class of the kind; `bug` is no class of LmError. */
export interface KindOfError extends ErrorRow {
  kind: ErrorKind | 'bug';
  code: ErrorCode | 'bug';
}

const KINDS = new Map<string, KindOfError>(
  Object.entries(TABLE).flatMap(([code, rows]) =>
    Object.entries<ErrorRow>(rows).map(([kind, row]) => [
      kind,
      { ...row, kind: kind as ErrorKind, code: code as ErrorCode },
    ]),
  ),
);

export const codeOf = (kind: ErrorKind): ErrorCode => KINDS.get(kind)!.code as ErrorCode;

/** What the table says of a kind. */
export const rowOf = (kind: ErrorKind | 'bug'): ErrorRow => (kind === 'bug' ? BUG : KINDS.get(kind)!);

/** Every row, class by class. */
export const allKinds = (): KindOfError[] => [{ ...BUG, kind: 'bug', code: 'bug' }, ...KINDS.values()];
