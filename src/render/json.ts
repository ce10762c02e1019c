// Prints events as JSON, one object per line, with exact numbers. A `summary` is the last line.

import { nextAfterCopy } from '../advice/after-copy.js';
import { nextAfterVerify } from '../advice/after-verify.js';
import { printableJson } from '../errors.js';
import type { Event } from '../events.js';
import { JSON_SCHEMA } from '../last-error.js';
import type { Output } from './output.js';
import type { Renderer } from './renderer.js';
import { exitName } from './summary.js';

const PROGRESS_EVERY_MS = 1_000;

interface JsonOptions {
  quiet: boolean;
  verbose: boolean;
  now: () => number;
}

/** The summary is written by `close`, so that it is the last line however the run ends. */
export function jsonRenderer(stdout: Output, { quiet, verbose, now }: JsonOptions): Renderer {
  let run: string | null = null;
  let summary: Record<string, unknown> | undefined;
  let lastProgress = Number.NEGATIVE_INFINITY;

  const write = (type: string, fields: object): void =>
    stdout.write(`${stringify({ schema: JSON_SCHEMA, type, ts: new Date(now()).toISOString(), run, ...fields })}\n`);

  const wanted = (event: Event): boolean => {
    switch (event.type) {
      case 'progress': {
        if (quiet || now() - lastProgress < PROGRESS_EVERY_MS) return false;
        lastProgress = now();
        return true;
      }
      case 'item':
        return verbose || (event.dryRun && !quiet);
      case 'planned':
        return !quiet || event.dryRun;
      case 'file-problem':
        return verbose || event.result === 'failed' || event.side === 'destination';
      case 'warning':
      case 'difference':
      case 'repaired':
        return true;
      default:
        return !quiet;
    }
  };

  return {
    emit(event) {
      if (event.type === 'run-started') run = event.run;
      if (event.type === 'copy-ended' || event.type === 'verify-ended') summary = summaryOf(event);
      else if (wanted(event)) write(event.type, fieldsOf(event));
    },
    print(type, fields) {
      if (type === 'summary') summary = { exitCode: 0, result: exitName(0), ...fields };
      else write(type, fields);
    },
    close() {
      if (summary) write('summary', summary);
      summary = undefined;
    },
  };
}

/** JSON has neither 64-bit integers nor infinities: bigints become decimal strings, infinities null. */
const stringify = (value: object): string =>
  printableJson(JSON.stringify(value, (_, field) => (typeof field === 'bigint' ? String(field) : field)));

function fieldsOf(event: Event): object {
  if (event.type === 'iteration-ended') return event.iteration;
  if (event.type === 'difference') return event.difference;
  if (event.type === 'repaired') return event.repair;
  const { type: _, ...fields } = event;
  return fields;
}

function summaryOf(event: Extract<Event, { type: 'copy-ended' | 'verify-ended' }>): Record<string, unknown> {
  const { exitCode, message, report, downtime } = event;
  const copied = event.type === 'copy-ended';
  const next = copied ? nextAfterCopy(event) : nextAfterVerify(event);
  return { command: copied ? 'copy' : 'verify', exitCode, result: exitName(exitCode), message, next, downtime, report };
}
