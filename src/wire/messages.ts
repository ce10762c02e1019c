// The Sidecar's documents and the native streams' lines: zod shapes and the nouns they become. Nothing unchecked passes inward.

import * as z from 'zod';
import { LmError } from '../errors.js';
import type { FileTrouble } from '../files/digest-files.js';
import { LONGEST_KEY } from '../files/roots.js';

const count = z.int().nonnegative();

/** What is kept, or told to people, is bounded. */
export const Word = z.string().max(LONGEST_KEY);

/** As late as a time of an agent's listing can be: the year 5138. */
const LATEST_MS = 99_999_999_999_999;

/** One element of a Sidecar listing (InstanceFileInfo). `size` is -1 for a directory; `lastModifiedTime` is in ms, floored. */
export const InstanceFileInfo = z.object({
  fileUrl: z.string(),
  size: z.int().min(-1),
  fileType: z.enum(['FILE', 'DIRECTORY']),
  lastModifiedTime: z.int().min(-LATEST_MS).max(LATEST_MS),
});
export type InstanceFileInfo = z.infer<typeof InstanceFileInfo>;

/** What a Date can hold. */
const EpochMs = z.int().nonnegative().max(8.64e15);

/** LiveMigrationStatus. `endTime` is in epoch ms, a number exactly when COMPLETED. */
export const LiveMigrationStatus = z.discriminatedUnion('state', [
  z.object({ state: z.literal('NOT_COMPLETED'), endTime: z.null().optional() }),
  z.object({ state: z.literal('COMPLETED'), endTime: EpochMs }),
]);
export type LiveMigrationStatus = z.infer<typeof LiveMigrationStatus>;

/** DigestResponse. `digestAlgorithm` is the request's own spelling. */
export const DigestResponse = z.object({ digest: Word, digestAlgorithm: Word });
export type DigestResponse = z.infer<typeof DigestResponse>;

const Process = z.object({ pid: count, command: Word });

/** The answer to /open-files: who has files of the roots open for writing, or mapped so, and who could not be looked into. */
export const OpenFilesReport = z.object({
  writers: z.array(Process.extend({ path: Word })),
  uninspected: z.array(Process),
});
export type OpenFilesReport = z.infer<typeof OpenFilesReport>;

/** How one file of a /digests request ended; `index` counts the request's files from 0, in its order. */
export type FileDigest =
  | { index: number; digest: string }
  | { index: number; digest: null; result: FileTrouble; message: string };

/** A line of the answer to /digests. Without an end line the answer is cut. */
export type DigestLine = FileDigest | { type: 'progress'; bytes: number } | { type: 'end'; files: number };

const DigestLineShape = z.union([
  z.tuple([count, Word]).transform(([index, digest]): DigestLine => ({ index, digest })),
  z
    .tuple([count, z.null(), z.enum(['changed', 'vanished', 'failed']), Word])
    .transform(([index, digest, result, message]): DigestLine => ({ index, digest, result, message })),
  z.object({ type: z.literal('progress'), bytes: count }),
  z.object({ type: z.literal('end'), files: count }),
]);

/** Without its newline. */
export function writeDigestLine(line: DigestLine): string {
  if ('type' in line) return JSON.stringify(line);
  return JSON.stringify('result' in line ? [line.index, null, line.result, line.message] : [line.index, line.digest]);
}

export const readDigestLine = (text: string): DigestLine => parseAs(DigestLineShape, text, 'a line of digests');

/** A whole document that came from the other side. `what` is what the error names. */
export function parseAs<T>(shape: z.ZodType<T>, text: string, what: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new LmError('protocol', `${what} is not JSON`, { cause });
  }
  const result = shape.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw new LmError('protocol', `${what} has an unexpected ${issue.path.join('.') || 'shape'}: ${issue.message}`);
}
