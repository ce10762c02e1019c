// The Sidecar's documents and the lines of native streams: their zod shapes, and the types that they are read into.

import * as z from 'zod';
import type { FileFailure } from '../digest/listed-file.js';
import type { SSTableCheck } from '../digest/sstable.js';
import { excerpt, LmError } from '../errors.js';
import { DIR_TYPES } from '../files/entry.js';
import { MAX_KEY } from '../files/roots.js';
import type { YieldState } from '../pace/yielding.js';

const count = z.int().nonnegative();

/** A text that is kept, or shown to people. */
export const BoundedText = z.string().max(MAX_KEY);

/** The latest time that an agent's listing can have: in the year 5138. */
const LATEST_MS = 99_999_999_999_999;

/** One element of a Sidecar listing (InstanceFileInfo). `size` is -1 for a directory; `lastModifiedTime` is in ms, floored. */
export const InstanceFileInfo = z.object({
  fileUrl: z.string(),
  size: z.int().min(-1),
  fileType: z.enum(['FILE', 'DIRECTORY']),
  lastModifiedTime: z.int().min(-LATEST_MS).max(LATEST_MS),
});
export type InstanceFileInfo = z.infer<typeof InstanceFileInfo>;

/** A time that a Date can hold. */
const EpochMs = z.int().nonnegative().max(8.64e15);

/** LiveMigrationStatus. `endTime` is in epoch ms, a number exactly when COMPLETED. */
export const LiveMigrationStatus = z.discriminatedUnion('state', [
  z.object({ state: z.literal('NOT_COMPLETED'), endTime: z.null().optional() }),
  z.object({ state: z.literal('COMPLETED'), endTime: EpochMs }),
]);
export type LiveMigrationStatus = z.infer<typeof LiveMigrationStatus>;

/** DigestResponse. `digestAlgorithm` is the request's own spelling. */
export const DigestResponse = z.object({ digest: BoundedText, digestAlgorithm: BoundedText });
export type DigestResponse = z.infer<typeof DigestResponse>;

/** Hot files in one answer; a Cassandra node has some dozens. */
export const MAX_HOT_FILES = 10_000;

const Process = z.object({ pid: count, command: BoundedText });

/** A listener on a port of the service, and why it may be the service: a `Suspicion`. */
const Listener = z.object({
  address: BoundedText,
  port: count,
  name: BoundedText,
  why: BoundedText,
  process: Process.optional(),
});

/**
 * The answer to /open-files: processes that have files of the roots open or mapped for writing, and processes that could not be
 * inspected. An older agent lacks the optional members.
 */
export const OpenFilesReport = z.object({
  writers: z.array(Process.extend({ path: BoundedText })),
  uninspected: z.array(Process),
  /** `hidden`: what hides processes from the agent, a `Hiding` each. */
  inspection: z.object({ complete: z.boolean(), hidden: z.array(BoundedText) }).optional(),
  /** The number of ports that the agent knows of, and the listeners there that may be the service. */
  ports: z.object({ guarded: count, listeners: z.array(Listener) }).optional(),
  /** How the operator's --at-rest-check ended, where there is one and the request asked for it. */
  check: z
    .object({ command: BoundedText, succeeded: z.boolean(), end: BoundedText, lines: z.array(BoundedText) })
    .optional(),
  /** On request: files of HOT_TYPES that are being written to, by key and inode. `more`: there are others beside these. */
  hot: z
    .object({
      files: z.array(z.tuple([BoundedText, z.string().regex(/^\d{1,20}$/)])).max(MAX_HOT_FILES),
      more: z.boolean(),
    })
    .optional(),
  /** Files of Cassandra outside all roots that are open in a process which has others open below a root. */
  outside: z.array(Process.extend({ path: BoundedText, type: z.enum(DIR_TYPES), dir: BoundedText })).optional(),
});
export type OpenFilesReport = z.infer<typeof OpenFilesReport>;

/**
 * How one file of a /digests request ended, or one line of a listing; `index` counts what the request names from 0, in its order. `young` is
 * there on request, and so is `sstable`, of a Data.db; `ctimeNs` with a block digest, see `Digested`.
 */
export type FileDigest =
  | { index: number; digest: string; young?: boolean; sstable?: SSTableCheck; ctimeNs?: string }
  | { index: number; digest: null; result: FileFailure; message: string };

/**
 * How far the answer to a /digests request is. `bytes` are read, those of files under way included; an older agent counts whole files alone.
 * `yielding` is there on request, or where the agent always does so.
 */
export interface DigestProgress {
  type: 'progress';
  bytes: number;
  yielding?: YieldState | undefined;
}

/** A line of the answer to /digests, unless it holds several files. Without an end line the answer is cut. */
export type DigestLine = FileDigest | DigestProgress | { type: 'end'; files: number };

const Yield: z.ZodType<YieldState> = z.union([
  z.object({ bytesPerSecond: count, pressure: z.number().min(0).max(1) }),
  z.object({ why: BoundedText }),
]);

const Young = z.union([z.literal(0), z.literal(1)]);

const Checked: z.ZodType<SSTableCheck> = z.object({
  crc32: z.int().min(0).max(0xffffffff),
  stated: BoundedText.nullable(),
  missing: z.array(BoundedText).max(1000),
});

const CTIME = /^-?\d{1,28}$/;

const DigestLineShape = z.union([
  z.tuple([count, BoundedText]).transform(([index, digest]): DigestLine => ({ index, digest })),
  z
    .tuple([count, BoundedText, Young])
    .transform(([index, digest, young]): DigestLine => ({ index, digest, young: young === 1 })),
  z
    .tuple([count, BoundedText, Young, Checked])
    .transform(([index, digest, young, sstable]): DigestLine => ({ index, digest, young: young === 1, sstable })),
  z.tuple([count, BoundedText, Young, Checked.nullable(), z.string().regex(CTIME)]).transform(
    ([index, digest, young, sstable, ctimeNs]): DigestLine => ({
      ...{ index, digest, young: young === 1 },
      ...(sstable && { sstable }),
      ctimeNs,
    }),
  ),
  z
    .tuple([count, z.null(), z.enum(['changed', 'vanished', 'failed']), BoundedText])
    .transform(([index, digest, result, message]): DigestLine => ({ index, digest, result, message })),
  z.object({ type: z.literal('progress'), bytes: count, yielding: Yield.optional() }),
  z.object({ type: z.literal('end'), files: count }),
]);

/** The line without its newline. */
export const writeDigestLine = (line: DigestLine): string => JSON.stringify('type' in line ? line : digestRow(line));

/** Several files in one line, which costs the reader a fraction of a line for each: for a client that asks for it. */
export const writeDigestRows = (files: readonly FileDigest[]): string => JSON.stringify(files.map(digestRow));

function digestRow(file: FileDigest): unknown[] {
  if ('result' in file) return [file.index, null, file.result, file.message];
  const { index, digest, young, sstable, ctimeNs } = file;
  if (young === undefined) return [index, digest];
  if (ctimeNs !== undefined) return [index, digest, young ? 1 : 0, sstable ?? null, ctimeNs];
  return sstable ? [index, digest, young ? 1 : 0, sstable] : [index, digest, young ? 1 : 0];
}

const DIGESTS = 'a line of digests';

/** A line of either kind. */
export function readDigestLines(text: string): DigestLine[] {
  const value = parseJson(text, DIGESTS);
  if (!Array.isArray(value) || !Array.isArray(value[0])) return [shaped(DigestLineShape, value, DIGESTS)];
  return value.map((row) => commonDigest(row) ?? shaped(DigestLineShape, row, DIGESTS));
}

/** Most files, without zod: it would take ten times as long. */
function commonDigest(row: unknown): FileDigest | undefined {
  if (!Array.isArray(row) || row.length < 3) return undefined;
  const [index, digest, young, sstable, ctimeNs] = row as unknown[];
  if (!Number.isSafeInteger(index) || (index as number) < 0) return undefined;
  if (typeof digest !== 'string' || digest.length > MAX_KEY || (young !== 0 && young !== 1)) return undefined;
  const common = { index: index as number, digest, young: young === 1 };
  if (row.length === 3) return common;
  const isProof = row.length === 5 && sstable === null && typeof ctimeNs === 'string' && CTIME.test(ctimeNs);
  return isProof ? { ...common, ctimeNs } : undefined;
}

/** Parses a whole document of the other side. Throws `protocol`; `what` names the document in the error. */
export const parseAs = <T>(shape: z.ZodType<T>, text: string, what: string): T =>
  shaped(shape, parseJson(text, what), what);

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new LmError('protocol', `${what} is not JSON`, { cause });
  }
}

function shaped<T>(shape: z.ZodType<T>, value: unknown, what: string): T {
  const result = shape.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw new LmError(
    'protocol',
    `${what} has an unexpected ${excerpt(issue.path.join('.')) || 'shape'}: ${issue.message}`,
  );
}
