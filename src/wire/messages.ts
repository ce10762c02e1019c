// The Sidecar's documents and the native streams' lines: zod shapes and the nouns they become. Nothing unchecked passes inward.

import * as z from 'zod';
import type { FileTrouble } from '../digest/digest-files.js';
import { excerpt, LmError } from '../errors.js';
import { DIR_TYPES } from '../files/entry.js';
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

/** Of one answer; a Cassandra node has some dozens. */
export const MAX_HOT_FILES = 10_000;

const Process = z.object({ pid: count, command: Word });

/** What listens on a port of the service, and why that may be the service: a `Suspicion`. */
const Listener = z.object({ address: Word, port: count, name: Word, why: Word, process: Process.optional() });

/**
 * The answer to /open-files: who has files of the roots open for writing, or mapped so, and who could not be looked into. The other
 * members are missing where an agent does not know of them.
 */
export const OpenFilesReport = z.object({
  writers: z.array(Process.extend({ path: Word })),
  uninspected: z.array(Process),
  /** `hidden`: what keeps processes out of sight, a `Hiding` each. */
  inspection: z.object({ complete: z.boolean(), hidden: z.array(Word) }).optional(),
  /** How many ports the agent knows of, and what listens there and may be the service. */
  ports: z.object({ guarded: count, listeners: z.array(Listener) }).optional(),
  /** How the operator's --at-rest-check ended, where there is one and it was asked for. */
  check: z.object({ command: Word, succeeded: z.boolean(), end: Word, lines: z.array(Word) }).optional(),
  /** For whoever asks: files of HOT_TYPES that are written to, by key and inode; `more`: not all of them are here. */
  hot: z
    .object({ files: z.array(z.tuple([Word, z.string().regex(/^\d{1,20}$/)])).max(MAX_HOT_FILES), more: z.boolean() })
    .optional(),
  /** Files of Cassandra that a process with others below a root has open outside all roots. */
  outside: z.array(Process.extend({ path: Word, type: z.enum(DIR_TYPES), dir: Word })).optional(),
});
export type OpenFilesReport = z.infer<typeof OpenFilesReport>;

/** How one file of a /digests request ended; `index` counts the request's files from 0, in its order. `young` for whoever asks. */
export type FileDigest =
  | { index: number; digest: string; young?: boolean }
  | { index: number; digest: null; result: FileTrouble; message: string };

/** A line of the answer to /digests. Without an end line the answer is cut. */
export type DigestLine = FileDigest | { type: 'progress'; bytes: number } | { type: 'end'; files: number };

const DigestLineShape = z.union([
  z.tuple([count, Word]).transform(([index, digest]): DigestLine => ({ index, digest })),
  z
    .tuple([count, Word, z.union([z.literal(0), z.literal(1)])])
    .transform(([index, digest, young]): DigestLine => ({ index, digest, young: young === 1 })),
  z
    .tuple([count, z.null(), z.enum(['changed', 'vanished', 'failed']), Word])
    .transform(([index, digest, result, message]): DigestLine => ({ index, digest, result, message })),
  z.object({ type: z.literal('progress'), bytes: count }),
  z.object({ type: z.literal('end'), files: count }),
]);

/** Without its newline. */
export function writeDigestLine(line: DigestLine): string {
  if ('type' in line) return JSON.stringify(line);
  if ('result' in line) return JSON.stringify([line.index, null, line.result, line.message]);
  const { index, digest, young } = line;
  return JSON.stringify(young === undefined ? [index, digest] : [index, digest, young ? 1 : 0]);
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
  throw new LmError(
    'protocol',
    `${what} has an unexpected ${excerpt(issue.path.join('.')) || 'shape'}: ${issue.message}`,
  );
}
