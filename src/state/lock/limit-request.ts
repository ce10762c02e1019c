// The file in which `lm limit` leaves what it asks of a running copy or verification. It is for one run, and worth nothing to the next.

import { join } from 'node:path';
import * as z from 'zod';
import { readRecord, recordText, removeFile, writeFileAtomically } from '../atomic-file.js';

const LimitRequest = z.object({
  run: z.string(),
  id: z.string(),
  /** As an operator states it; null for what the run was started with. */
  limit: z.string().nullable(),
});
type LimitRequest = z.infer<typeof LimitRequest>;

const fileIn = (dir: string): string => join(dir, LIMIT_FILE);

export const LIMIT_FILE = 'limit-request.json';

/** Undefined when there is none. Throws `local`. */
export const readLimitRequest = (dir: string): LimitRequest | undefined =>
  readRecord(fileIn(dir), LimitRequest, 'run lm limit again');

/** Throws `local`. */
export const leaveLimitRequest = (dir: string, request: LimitRequest): void =>
  writeFileAtomically(fileIn(dir), recordText(request));

/** Throws `local`. */
export const withdrawLimitRequest = (dir: string): void => void removeFile(fileIn(dir));
