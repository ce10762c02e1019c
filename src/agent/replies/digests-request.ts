// Reads the body of a /digests request and cuts the files it names into jobs. Opens no file, and does not look into lines of a listing.

import { batchesOf } from '../../batches.js';
import { FILE_ALGORITHMS, type FileAlgorithm } from '../../digest/digest.js';
import type { ListedFile } from '../../digest/listed-file.js';
import { joinKey } from '../../files/entry.js';
import { pathOf, type Roots } from '../../files/roots.js';
import { DEFAULT_YIELD_FLOOR } from '../../pace/yielding.js';
import { type PackedFiles, packFiles } from '../../reading/messages.js';
import { MAX_REQUEST_BYTES, malformedRequest, readFileRequest } from '../../wire/file-requests.js';

export interface DigestsRequest {
  algorithm: FileAlgorithm;
  reportsYoung: boolean;
  /** Whether a line of the reply may hold several files. */
  rows: boolean;
  checksSSTables: boolean;
  pace: RequestedPace;
  /** How many files or lines the request names; what is named twice counts twice. */
  files: number;
  jobs: DigestsJob[];
  /** Of this host's listing, each to get one digest; then there are no jobs. */
  lines: Uint8Array[];
}

/** How gently the client wants the files to be read. */
export interface RequestedPace {
  /** Its requests keep to the limit together. */
  client: string;
  /** Bytes a second. */
  limitRate?: number;
  /** It wants reading to yield to others who wait for the disk, down to so many bytes a second. */
  yieldFloor?: number;
}

/** Each file once, with its indexes in the request: a file that is named many times is read once. */
export interface DigestsJob {
  files: PackedFiles;
  /** Pairs of a file of the job, by its place there, and an index in the request. */
  named: Uint32Array;
}

const JOB_LIMITS = { items: 256, bytes: 32 << 20 };

/** Throws `protocol` for a body that is no digests request, and for names that no listing of these roots can hold. */
export function readDigestsRequest(body: Uint8Array, roots: Roots): DigestsRequest {
  const { head, dirs, lines } = readFileRequest(body);
  const algorithm = FILE_ALGORITHMS.find((known) => known === head['digestAlgorithm']);
  if (!algorithm) throw malformedRequest(`digestAlgorithm is none of ${FILE_ALGORITHMS.join(', ')}`);
  const requested = new Map<string, FileWithIndexes>();
  let count = 0;
  let keyLengths = 0;
  for (const [dir, files] of dirs) {
    pathOf(roots, dir);
    for (const [name, size, mtimeNs, ino] of files) {
      const key = joinKey(dir, name);
      keyLengths += key.length; // each file of a directory with a long path repeats that path
      if (keyLengths > MAX_REQUEST_BYTES)
        throw malformedRequest(`the whole names of its files have more than ${MAX_REQUEST_BYTES} characters`);
      const description = [key, size, mtimeNs, ino].join('\0');
      const known = requested.get(description);
      if (known) known.indexes.push(count++);
      else requested.set(description, { file: { key, size, mtimeNs, ino }, indexes: [count++] });
    }
  }
  const [reportsYoung, checksSSTables] = [head['young'] === true, head['sstables'] === true];
  const [rows, pace] = [head['rows'] === true, requestedPace(head)];
  const jobs = [...jobsOf(requested.values())];
  return { algorithm, reportsYoung, rows, checksSSTables, pace, files: count + lines.length, jobs, lines };
}

function requestedPace({ client, limitRate, yieldToIo, yieldFloor }: Record<string, unknown>): RequestedPace {
  if (limitRate !== undefined && !isRate(limitRate)) throw malformedRequest('limitRate is no number of bytes a second');
  if (yieldFloor !== undefined && !isRate(yieldFloor))
    throw malformedRequest('yieldFloor is no number of bytes a second');
  return {
    client: typeof client === 'string' ? client.slice(0, MAX_CLIENT_ID) : '',
    ...(limitRate !== undefined && { limitRate }),
    ...(yieldToIo === true && { yieldFloor: yieldFloor ?? DEFAULT_YIELD_FLOOR }),
  };
}

const isRate = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 1;

/** A UUID has 36. */
const MAX_CLIENT_ID = 64;

interface FileWithIndexes {
  file: ListedFile;
  indexes: number[];
}

/** A big file is a job alone, small files share one: so the threads share the work evenly, and answers come steadily. */
function* jobsOf(requested: Iterable<FileWithIndexes>): Generator<DigestsJob> {
  for (const batch of batchesOf(requested, JOB_LIMITS, sizeOf))
    yield {
      files: packFiles(batch.map(({ file }) => file)),
      named: Uint32Array.from(batch.flatMap(({ indexes }, i) => indexes.flatMap((index) => [i, index]))),
    };
}

const sizeOf = ({ file }: FileWithIndexes): number => Number(file.size);
