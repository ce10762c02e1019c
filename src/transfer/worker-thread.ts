// The worker thread of a transfer: carries out jobs, such as fetching a unit from socket to disk, and returns their results. It retries
// nothing.

import { workerData } from 'node:worker_threads';
import { BLOCK_BYTES } from '../digest/digest.js';
import type { UnkeptNow } from '../disk/attributes.js';
import { CHANGED, type Conflict } from '../disk/directories.js';
import { Disk, type OpenPart } from '../disk/disk.js';
import { type Entry, joinKey } from '../files/entry.js';
import { createPacer } from '../pace/rate.js';
import { BUNDLE_BYTES } from '../plan/plan.js';
import type { WorkerFault } from '../source/failure.js';
import { readSlice, type Slice } from '../spool/spool.js';
import { serveJobs } from '../threads/threads.js';
import { createBlockReader } from './worker/block-reader.js';
import type { FetchSink } from './worker/fetch.js';
import { FETCHERS } from './worker/fetchers.js';
import { patchBlocks } from './worker/patches.js';
import { createRangeWork, type RangeWorkOptions, wasYoung } from './worker/ranges.js';
import { ReceivedProofs } from './worker/received-proofs.js';
import { createSlots } from './worker/slots.js';
import {
  noResult,
  type WantedFile,
  WORKER_COUNTERS,
  type WorkerJob,
  type WorkerOrder,
  type WorkerResult,
  type WorkerSetup,
} from './worker-jobs.js';

const setup = workerData as WorkerSetup;
const { by, endpoint, servesEmpty } = setup.transport;
const fetcher = FETCHERS[by];
const counters = new BigInt64Array(setup.counters);
let unkept: UnkeptNow[] = [];
const disk = new Disk(
  setup.roots,
  setup.disk,
  (bytes) => {
    add('entriesBackedUp', 1);
    add('bytesBackedUp', bytes);
  },
  (entry) => void unkept.push(entry),
);
const pacer = createPacer([setup.pace]);

const slots = createSlots(endpoint, pacer);
const rangeWork: RangeWorkOptions = {
  ...{ disk, fetcher, slots, reader: createBlockReader(), arrived },
  skipped: (bytes) => add('bytesDone', bytes),
  discarded: (bytes) => add('bytesDone', -bytes),
};
const ranges = createRangeWork(rangeWork);

serveJobs<WorkerOrder, WorkerResult>(async (job) => {
  const result = await carryOut(job);
  if (unkept.length === 0) return result;
  const withUnkept = { ...result, unkept };
  unkept = [];
  return withUnkept;
});

async function carryOut(job: WorkerOrder): Promise<WorkerResult> {
  if (job.backup !== undefined) disk.backUpInto(job.backup);
  switch (job.kind) {
    case 'bundle':
      return bundle(job);
    case 'range':
      return ranges.fetch(job);
    case 'compare':
      return ranges.compare(job);
    case 'patch':
      return patchBlocks(job, rangeWork);
    case 'publish':
      return publish(job.files);
    case 'forget':
      disk.forgetDirectories();
      return noResult();
    case 'stop':
      slots.stop();
      return noResult();
    case 'fix':
    case 'finish':
      return setAttributes(readEntries(job.spool, job.slice));
    default:
      return carryOutOperation(job.kind, readEntries(job.spool, job.slice));
  }
}

const readEntries = (spool: string, slice: Slice): WantedFile[] =>
  readSlice(spool, slice).flatMap(([dir, entries]) => entries.map((entry) => ({ dir, entry })));

const isRequested = ({ entry }: WantedFile): boolean => entry.kind === 'file' && (entry.size !== '0' || servesEmpty);

async function bundle({ spool, slice, from, maxBytes }: Extract<WorkerJob, { kind: 'bundle' }>): Promise<WorkerResult> {
  const result = noResult();
  const entries = readEntries(spool, slice);
  if (from === undefined) for (const entry of entries) if (!isRequested(entry)) createLocally(entry, result);
  const requested = entries.filter(isRequested).slice(from ?? 0);
  const { files, oversized } = nextOf(requested, maxBytes);
  if (oversized) result.oversized = oversized;
  result.finished = oversized ? 1 : 0;
  if (files.length > 0) result.fault = await fetchAll(files, result);
  result.remaining = requested.length - result.finished;
  result.finished += from ?? 0;
  return result;
}

/** What to request next: files of at most `maxBytes` together, or one file that is to be moved in ranges. */
function nextOf(requested: readonly WantedFile[], maxBytes: number): { files: WantedFile[]; oversized?: WantedFile } {
  const isOversized = ({ entry }: WantedFile): boolean => maxBytes < BUNDLE_BYTES && Number(entry.size) > BLOCK_BYTES;
  if (requested[0] && isOversized(requested[0])) return { files: [], oversized: requested[0] };
  let bytes = 0;
  const end = requested.findIndex((file, i) => {
    bytes += Number(file.entry.size);
    return isOversized(file) || (i > 0 && bytes > maxBytes);
  });
  return { files: requested.slice(0, end < 0 ? requested.length : end) };
}

/** Creates links, and empty files that the source does not serve: they need no request. */
function createLocally({ dir, entry }: WantedFile, result: WorkerResult): void {
  if (entry.kind === 'link') return note(result, { dir, entry }, disk.makeLink(dir, entry));
  const part = disk.beginFile(dir, entry.name);
  note(result, { dir, entry }, typeof part === 'string' ? part : disk.publish(part, dir, entry));
}

function note(result: WorkerResult, { dir, entry }: WantedFile, conflict: string | undefined): void {
  if (conflict !== undefined) {
    result.problems.push({ key: joinKey(dir, entry.name), result: 'failed', message: conflict });
    return;
  }
  result.done.entries++;
  result.done.bytes += Number(entry.size);
  add('filesDone', 1);
}

const add = (counter: keyof typeof WORKER_COUNTERS, amount: number): void =>
  void Atomics.add(counters, WORKER_COUNTERS[counter], BigInt(amount));

function publish(files: WantedFile[]): WorkerResult {
  const result = noResult();
  for (const file of files) {
    const { dir, entry } = file;
    const part = disk.reopenPart(dir, entry.name, Number(entry.size), file.partId);
    note(result, file, part ? disk.publish(part, dir, entry) : 'its unfinished part is gone');
  }
  return result;
}

/** Fetches the files of a bundle. Each is published as soon as it is complete, unless it was young. */
function fetchAll(files: WantedFile[], result: WorkerResult): Promise<WorkerFault | undefined> {
  let part: OpenPart | Conflict | undefined;
  let begun: WantedFile | undefined;
  let unproved = 0;
  const proofs = new ReceivedProofs();
  const begin = (file: WantedFile): void => {
    const { dir, entry } = file;
    part =
      entry.allocated === undefined
        ? disk.beginFile(dir, entry.name)
        : disk.createPart(dir, entry.name, Number(entry.size));
    begun = file;
    unproved = 0;
  };
  const sink: FetchSink = {
    bytes(file, chunk, position) {
      slots.stopIfAsked();
      if (position === 0) begin(file);
      if (typeof part === 'object') write(part, file, chunk, position);
      unproved += chunk.length;
      result.received += chunk.length;
      arrived(chunk.length);
    },
    whole(file, young, blocks) {
      if (begun !== file) begin(file); // it is empty
      const done = part;
      part = begun = undefined;
      if (typeof done === 'object' && wasYoung(file, young)) {
        const partId = disk.partIdOf(done.fd);
        disk.close(done.fd, joinKey(file.dir, file.entry.name));
        result.young.push({ ...file, partId });
      } else {
        const conflict = typeof done === 'object' ? disk.publish(done, file.dir, file.entry) : done;
        note(result, file, conflict);
        if (conflict === undefined && young === false && blocks) proofs.add(file, blocks);
      }
      result.finished++;
    },
    problem(file, kind, message, side) {
      result.problems.push({ key: joinKey(file.dir, file.entry.name), result: kind, message, ...(side && { side }) });
      result.finished++;
    },
    forget(file) {
      if (begun) add('bytesDone', -unproved);
      const lost = part;
      part = begun = undefined;
      if (typeof lost !== 'object') return;
      disk.close(lost.fd, joinKey(file.dir, file.entry.name));
      disk.discard(file.dir, lost.name);
    },
  };
  return slots.use(async (slot) => {
    try {
      return await fetcher.files(slot, files, sink);
    } catch (error) {
      for (const { dir, entry } of result.young) disk.discardPart(dir, entry.name); // the main thread does not learn of them
      throw error;
    } finally {
      if (begun) sink.forget(begun); // only a file that was cut off is still open here
      result.proofs = proofs.rows();
    }
  });
}

/** A file with holes gets its size when it is begun, and only pages that are not zeros. */
function write(part: OpenPart, { dir, entry }: WantedFile, chunk: Uint8Array, position: number): void {
  const key = joinKey(dir, entry.name);
  if (entry.allocated === undefined) disk.append(part, chunk, key);
  else disk.writeSparse(part.fd, chunk, position, key);
}

function arrived(bytes: number): void {
  add('bytesReceived', bytes);
  add('bytesDone', bytes);
}

const OPERATIONS: Record<'remove' | 'mkdir', (dir: string, entry: Entry) => Conflict | undefined> = {
  remove: (dir, entry) => disk.remove(dir, entry),
  mkdir: (dir, entry) => disk.makeDirectory(dir, entry),
};

function carryOutOperation(operation: keyof typeof OPERATIONS, entries: WantedFile[]): WorkerResult {
  const result = noResult();
  for (const { dir, entry } of entries) noteOperation(result, { dir, entry }, OPERATIONS[operation](dir, entry));
  return result;
}

/** The entries come in pairs; see PlanSpools. */
function setAttributes(entries: WantedFile[]): WorkerResult {
  const result = noResult();
  for (let i = 0; i < entries.length; i += 2) {
    const { dir, entry } = entries[i]!;
    noteOperation(result, { dir, entry }, disk.setAttributes(dir, entry, entries[i + 1]!.entry));
  }
  return result;
}

function noteOperation(result: WorkerResult, { dir, entry }: WantedFile, conflict: Conflict | undefined): void {
  if (conflict === undefined) {
    result.done.entries++;
    result.done.bytes += Number(entry.size);
  } else {
    const problem = { key: joinKey(dir, entry.name), message: conflict };
    result.problems.push(
      conflict === CHANGED ? { ...problem, result: 'changed', side: 'destination' } : { ...problem, result: 'failed' },
    );
  }
}
