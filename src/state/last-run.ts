// Records the whole result of the last copy and of the last verification, for `lm status`. No decision depends on it.

import { join } from 'node:path';
import * as z from 'zod';
import type { CopyReport } from '../report/copy-report.js';
import type { VerifyReport } from '../report/verify-report.js';
import { readRecord, recordText, writeFileAtomically } from './atomic-file.js';

/** `endedMs` is in epoch milliseconds. */
export interface LastRun<Report> {
  endedMs: number;
  exitCode: number;
  message: string;
  report: Report;
}

/** Checks only the members that `lm status` needs: another version may have written the report. */
const ended = { endedMs: z.int(), exitCode: z.int(), message: z.string() };
const LastCopy = z.object({
  ...ended,
  report: z.looseObject({ run: z.string(), status: z.array(z.looseObject({ iteration: z.int(), state: z.string() })) }),
});
const LastVerify = z.object({ ...ended, report: z.looseObject({ run: z.string(), state: z.string() }) });

const copyIn = (dir: string): string => join(dir, 'last-copy.json');
const verifyIn = (dir: string): string => join(dir, 'last-verify.json');
const HINT = 'it is for people only: remove it';

export const recordLastCopy = (dir: string, run: LastRun<CopyReport>): void =>
  writeFileAtomically(copyIn(dir), recordText(run));

export const recordLastVerify = (dir: string, run: LastRun<VerifyReport>): void =>
  writeFileAtomically(verifyIn(dir), recordText(run));

export const readLastCopy = (dir: string): LastRun<CopyReport> | undefined =>
  readRecord(copyIn(dir), LastCopy, HINT) as LastRun<CopyReport> | undefined;

export const readLastVerify = (dir: string): LastRun<VerifyReport> | undefined =>
  readRecord(verifyIn(dir), LastVerify, HINT) as LastRun<VerifyReport> | undefined;
