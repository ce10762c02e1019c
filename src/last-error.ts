// Prints the warnings that come before a command starts and the error that ended it, for people or as JSON, and chooses the exit code.

import { rowOf } from './errors/kinds.js';
import { knownError, type LmError, printable, printableJson } from './errors.js';
import { exitCodeOf } from './exit-codes.js';
import type { Io } from './io.js';

/** Raised only when a field changes its meaning or is removed; new fields and types may be added at any time. */
export const JSON_SCHEMA = 1;

/** One line of `--json`: every line has `schema`, `type`, `ts` and `run`, which is null where there is no run. */
export const jsonLine = (type: string, run: string | null, fields: object): string =>
  `${printableJson(JSON.stringify({ schema: JSON_SCHEMA, type, ts: new Date().toISOString(), run, ...fields }))}\n`;

export interface ReportContext {
  /** Goes before the message: `lm copy`. */
  prefix: string;
  json: boolean;
  /** The run that the error ended, once there is one. */
  run: string | null;
  /** The URL of its source, which is named with an error of the source's that does not do so itself. */
  source: string | null;
}

/** For warnings that come before a command starts and has a renderer. */
export function printWarning(text: string, { json }: ReportContext, io: Pick<Io, 'stdout' | 'stderr'>): void {
  if (json) io.stdout.write(jsonLine('warning', null, { text }));
  io.stderr.write(`warning: ${text}\n`);
}

/**
 * Returns the exit code. What is no LmError and no failed system call is a bug, and shows its stack. stderr gets the text with --json too.
 * Its last lines are what to do next and, by the table of `errors/`, the kind of the error and what is kept: unless the hint says so.
 */
export function reportError(
  error: unknown,
  { prefix, json, run, source }: ReportContext,
  io: Pick<Io, 'stdout' | 'stderr'>,
): number {
  const known = knownError(error);
  const exitCode = exitCodeOf(error);
  const fields = { ...(known ? fieldsOf(known, source) : bugFields(error)), exitCode };
  if (json) {
    io.stdout.write(jsonLine('error', run, fields));
    io.stdout.write(jsonLine('summary', run, { exitCode, message: fields.message }));
  }
  io.stderr.write(`${prefix}: ${fields.message}\n`);
  for (const line of fields.details) io.stderr.write(`  ${line}\n`);
  io.stderr.write(`hint: ${fields.hint}\n`);
  const kept = fields.hint.includes(fields.kept) ? '' : `: ${fields.kept}`;
  io.stderr.write(`error ${fields.kind} (${exitCode})${kept}\n`);
  return exitCode;
}

function fieldsOf({ code, kind, message, hint, details }: LmError, source: string | null) {
  const { kept, next } = rowOf(kind);
  const isPeerKnown = source === null || [message, ...details].some((line) => line.includes(source));
  const peer = (code === 'source' || code === 'protocol') && !isPeerKnown ? [`the source is ${source}`] : [];
  return { code, kind, message, hint: hint ?? next, details: [...details, ...peer], kept };
}

const bugFields = (error: unknown) => ({
  code: 'bug' as const,
  kind: 'bug' as const,
  kept: rowOf('bug').kept,
  message: `this is a bug in lm: ${error instanceof Error ? error.message : String(error)}`,
  hint: 'please report it with the lines above; what was copied is kept',
  details:
    error instanceof Error
      ? (error.stack ?? '')
          .split('\n')
          .slice(1)
          .map((line) => printable(line.trim()))
      : [],
});
