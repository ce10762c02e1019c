// The body of a /digests request → what is to be read for it, cut into jobs. Opens nothing.

import { DIGEST_ALGORITHMS, type DigestAlgorithm } from '../../digest/digest.js';
import type { ListedFile } from '../../digest/digest-files.js';
import { joinKey } from '../../files/entry.js';
import { pathOf, type Roots } from '../../files/roots.js';
import { MAX_REQUEST_BYTES, malformed, readParts } from '../../wire/parts.js';

export interface DigestsRequest {
  algorithm: DigestAlgorithm;
  tellsYoung: boolean;
  /** How many were asked for, those named again among them. */
  files: number;
  jobs: DigestsJob[];
}

/** Each file once, and its places in the request: a file named many times is read once. */
export interface DigestsJob {
  files: ListedFile[];
  indexes: number[][];
  /** Sum of the sizes stated. */
  bytes: number;
}

const FILES_PER_JOB = 64;
const BYTES_PER_JOB = 32 << 20;

/** Throws `protocol` for what is no digests request, and for names that no listing of these roots holds. */
export function readDigestsRequest(body: Uint8Array, roots: Roots): DigestsRequest {
  const { head, dirs } = readParts(body);
  const algorithm = DIGEST_ALGORITHMS.find((known) => known === head['digestAlgorithm']);
  if (!algorithm) throw malformed(`digestAlgorithm is none of ${DIGEST_ALGORITHMS.join(', ')}`);
  const asked = new Map<string, AskedFile>();
  let files = 0;
  let keyLengths = 0;
  for (const [dir, parts] of dirs) {
    pathOf(roots, dir);
    for (const [name, size, mtimeNs, ino] of parts) {
      const key = joinKey(dir, name);
      keyLengths += key.length; // of a long directory with many files, each has it
      if (keyLengths > MAX_REQUEST_BYTES)
        throw malformed(`the whole names of its files have more than ${MAX_REQUEST_BYTES} characters`);
      const description = [key, size, mtimeNs, ino].join('\0');
      const known = asked.get(description);
      if (known) known.indexes.push(files++);
      else asked.set(description, { file: { key, size, mtimeNs, ino }, indexes: [files++] });
    }
  }
  return { algorithm, tellsYoung: head['young'] === true, files, jobs: [...jobsOf(asked.values())] };
}

interface AskedFile {
  file: ListedFile;
  indexes: number[];
}

/** Big files alone, small ones together, so that threads share the work evenly and answers come steadily. */
function* jobsOf(asked: Iterable<AskedFile>): Generator<DigestsJob> {
  let job: DigestsJob = { files: [], indexes: [], bytes: 0 };
  for (const { file, indexes } of asked) {
    const bytes = Number(file.size);
    if (job.files.length === FILES_PER_JOB || (job.files.length > 0 && job.bytes + bytes > BYTES_PER_JOB)) {
      yield job;
      job = { files: [], indexes: [], bytes: 0 };
    }
    job.files.push(file);
    job.indexes.push(indexes);
    job.bytes += bytes;
  }
  if (job.files.length > 0) yield job;
}
