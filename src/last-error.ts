// What is said before a command begins, and the error that ended it, told to a person or a program. Decides nothing but the exit code.

import { LmError, printable, printableJson, systemFailure } from './errors.js';
import { EXIT } from './exit-codes.js';
import type { Io } from './io.js';

/** Raised only when a field changes its meaning or goes; new fields and types may come at any time. */
export const JSON_SCHEMA = 1;

/** One line of `--json`: every line has `schema`, `type`, `ts` and, null where there is none, `run`. */
export const jsonLine = (type: string, run: string | null, fields: object): string =>
  `${printableJson(JSON.stringify({ schema: JSON_SCHEMA, type, ts: new Date().toISOString(), run, ...fields }))}\n`;

export interface Telling {
  /** What stands before the message: `lm copy`. */
  prefix: string;
  json: boolean;
  /** The run it ended, once there is one. */
  run: string | null;
}

/** What is to be known before a command begins, which then has a voice of its own. */
export function warn(text: string, { json }: Telling, io: Pick<Io, 'stdout' | 'stderr'>): void {
  if (json) io.stdout.write(jsonLine('warning', null, { text }));
  io.stderr.write(`warning: ${text}\n`);
}

/** Returns the exit code. Anything but an LmError and a failed system call is a bug, and shows its stack. With --json, people are told all the same. */
export function tell(error: unknown, { prefix, json, run }: Telling, io: Pick<Io, 'stdout' | 'stderr'>): number {
  const known = error instanceof LmError ? error : systemFailure(error);
  const fields = known ? fieldsOf(known) : bugFields(error);
  if (json) {
    io.stdout.write(jsonLine('error', run, fields));
    io.stdout.write(jsonLine('summary', run, { exitCode: fields.exitCode, message: fields.message }));
  }
  io.stderr.write(`${prefix}: ${fields.message}\n`);
  for (const line of fields.details) io.stderr.write(`  ${line}\n`);
  if (fields.hint) io.stderr.write(`hint: ${fields.hint}\n`);
  return fields.exitCode;
}

const fieldsOf = ({ code, message, hint, details }: LmError) => ({
  code,
  message,
  hint,
  details,
  exitCode: EXIT[code],
});

const bugFields = (error: unknown) => ({
  code: 'bug' as const,
  message: `this is a bug in lm: ${error instanceof Error ? error.message : String(error)}`,
  hint: 'please report it with the lines above; what was copied is kept',
  details:
    error instanceof Error
      ? (error.stack ?? '')
          .split('\n')
          .slice(1)
          .map((line) => printable(line.trim()))
      : [],
  exitCode: EXIT.bug,
});
