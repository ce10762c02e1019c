// Worker thread: carries out one unit after another, socket to disk, and says what became of it. Decides nothing and retries nothing.

import { workerData } from 'node:worker_threads';
import { BLOCK_BYTES } from '../digest/digest.js';
import type { UnkeptNow } from '../disk/attributes.js';
import { Disk, type OpenPart } from '../disk/disk.js';
import { CHANGED, type Obstacle } from '../disk/places.js';
import { type Entry, joinKey } from '../files/entry.js';
import { BUNDLE_BYTES } from '../plan/plan.js';
import type { LaneFault } from '../source/failure.js';
import { readSlice, type Slice } from '../spool/spool.js';
import { serveJobs } from '../threads/threads.js';
import { createPacer } from '../wire/rate.js';
import type { FetchSink } from './lane/fetch.js';
import { FETCHERS } from './lane/fetchers.js';
import { createRangeWork, wasYoung } from './lane/lane-ranges.js';
import { createSlots } from './lane/lane-slots.js';
import {
  empty,
  LANE_COUNTERS,
  type LaneJob,
  type LaneOrder,
  type LaneResult,
  type LaneSetup,
  type Wanted,
} from './lane-jobs.js';

const setup = workerData as LaneSetup;
const { by, origin, servesEmpty } = setup.transport;
const fetcher = FETCHERS[by];
const counters = new BigInt64Array(setup.counters);
let unkept: UnkeptNow[] = [];
const disk = new Disk(
  setup.roots,
  setup.disk,
  (bytes) => {
    add('entriesKept', 1);
    add('bytesKept', bytes);
  },
  (entry) => void unkept.push(entry),
);
const pacer = createPacer(setup.limitRate, setup.clock);

const slots = createSlots(origin, pacer);
const ranges = createRangeWork({ disk, fetcher, slots, arrived, undone: (bytes) => add('bytesDone', -bytes) });

serveJobs<LaneOrder, LaneResult>(async (job) => {
  const result = await carryOut(job);
  if (unkept.length === 0) return result;
  const told = { ...result, unkept };
  unkept = [];
  return told;
});

async function carryOut(job: LaneOrder): Promise<LaneResult> {
  if (job.backup !== undefined) disk.backUpInto(job.backup);
  switch (job.kind) {
    case 'bundle':
      return bundle(job);
    case 'range':
      return ranges.fetch(job);
    case 'compare':
      return ranges.compare(job);
    case 'publish':
      return publish(job.files);
    case 'forget':
      disk.forgetDirectories();
      return empty();
    case 'stop':
      slots.stop();
      return empty();
    case 'fix':
    case 'settle':
      return mend(readEntries(job.spool, job.slice));
    default:
      return deeds(job.kind, readEntries(job.spool, job.slice));
  }
}

const readEntries = (spool: string, slice: Slice): Wanted[] =>
  readSlice(spool, slice).flatMap(([dir, entries]) => entries.map((entry) => ({ dir, entry })));

const isAskedFor = ({ entry }: Wanted): boolean => entry.kind === 'file' && (entry.size !== '0' || servesEmpty);

async function bundle({ spool, slice, from, mostBytes }: Extract<LaneJob, { kind: 'bundle' }>): Promise<LaneResult> {
  const result = empty();
  const entries = readEntries(spool, slice);
  if (from === undefined) for (const entry of entries) if (!isAskedFor(entry)) makeHere(entry, result);
  const left = entries.filter(isAskedFor).slice(from ?? 0);
  const { files, apart } = nextOf(left, mostBytes);
  if (apart) result.apart = apart;
  result.settled = apart ? 1 : 0;
  if (files.length > 0) result.fault = await fetchAll(files, result);
  result.left = left.length - result.settled;
  result.settled += from ?? 0;
  return result;
}

/** What to ask for next: files of `mostBytes` together, or one alone that is to be moved in ranges. */
function nextOf(left: readonly Wanted[], mostBytes: number): { files: Wanted[]; apart?: Wanted } {
  const isApart = ({ entry }: Wanted): boolean => mostBytes < BUNDLE_BYTES && Number(entry.size) > BLOCK_BYTES;
  if (left[0] && isApart(left[0])) return { files: [], apart: left[0] };
  let bytes = 0;
  const end = left.findIndex((file, i) => {
    bytes += Number(file.entry.size);
    return isApart(file) || (i > 0 && bytes > mostBytes);
  });
  return { files: left.slice(0, end < 0 ? left.length : end) };
}

/** Links, and empty files that are not served, need nothing from the source. */
function makeHere({ dir, entry }: Wanted, result: LaneResult): void {
  if (entry.kind === 'link') return note(result, { dir, entry }, disk.makeLink(dir, entry));
  const part = disk.beginFile(dir, entry);
  note(result, { dir, entry }, typeof part === 'string' ? part : disk.publish(part, dir, entry));
}

function note(result: LaneResult, { dir, entry }: Wanted, obstacle: string | undefined): void {
  if (obstacle !== undefined) {
    result.problems.push({ key: joinKey(dir, entry.name), result: 'failed', message: obstacle });
    return;
  }
  result.done.entries++;
  result.done.bytes += Number(entry.size);
  add('filesDone', 1);
}

const add = (counter: keyof typeof LANE_COUNTERS, amount: number): void =>
  void Atomics.add(counters, LANE_COUNTERS[counter], BigInt(amount));

function publish(files: Wanted[]): LaneResult {
  const result = empty();
  for (const file of files) {
    const { dir, entry } = file;
    const part = disk.reopenPart(dir, entry.name, Number(entry.size), file.partId);
    note(result, file, part ? disk.publish(part, dir, entry) : 'its unfinished part is gone');
  }
  return result;
}

/** The files of a bundle, each published as soon as its last byte is there, unless it was young. */
function fetchAll(files: Wanted[], result: LaneResult): Promise<LaneFault | undefined> {
  let part: OpenPart | Obstacle | undefined;
  let begun: Wanted | undefined;
  let unproved = 0;
  const begin = (file: Wanted): void => {
    part = disk.beginFile(file.dir, file.entry);
    begun = file;
    unproved = 0;
  };
  const sink: FetchSink = {
    bytes(file, chunk, position) {
      slots.stopIfAsked();
      if (position === 0) begin(file);
      if (typeof part === 'object') disk.append(part, chunk, joinKey(file.dir, file.entry.name));
      unproved += chunk.length;
      result.received += chunk.length;
      arrived(chunk.length);
    },
    whole(file, told) {
      if (begun !== file) begin(file); // it is empty
      const done = part;
      part = begun = undefined;
      if (typeof done === 'object' && wasYoung(file, told)) {
        const partId = disk.partIdOf(done.fd);
        disk.close(done.fd, joinKey(file.dir, file.entry.name));
        result.young.push({ ...file, partId });
      } else note(result, file, typeof done === 'object' ? disk.publish(done, file.dir, file.entry) : done);
      result.settled++;
    },
    problem(file, kind, message, side) {
      result.problems.push({ key: joinKey(file.dir, file.entry.name), result: kind, message, ...(side && { side }) });
      result.settled++;
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
      for (const { dir, entry } of result.young) disk.discardPart(dir, entry.name); // nobody will hear of them
      throw error;
    } finally {
      if (begun) sink.forget(begun); // only what was cut off is still open here
    }
  });
}

function arrived(bytes: number): void {
  add('bytesReceived', bytes);
  add('bytesDone', bytes);
}

const DEEDS: Record<'remove' | 'mkdir', (dir: string, entry: Entry) => Obstacle | undefined> = {
  remove: (dir, entry) => disk.remove(dir, entry),
  mkdir: (dir, entry) => disk.makeDirectory(dir, entry),
};

function deeds(deed: keyof typeof DEEDS, entries: Wanted[]): LaneResult {
  const result = empty();
  for (const { dir, entry } of entries) noteDeed(result, { dir, entry }, DEEDS[deed](dir, entry));
  return result;
}

/** Two entries each; see PlanSpools. */
function mend(entries: Wanted[]): LaneResult {
  const result = empty();
  for (let i = 0; i < entries.length; i += 2) {
    const { dir, entry } = entries[i]!;
    noteDeed(result, { dir, entry }, disk.mend(dir, entry, entries[i + 1]!.entry));
  }
  return result;
}

function noteDeed(result: LaneResult, { dir, entry }: Wanted, obstacle: Obstacle | undefined): void {
  if (obstacle === undefined) {
    result.done.entries++;
    result.done.bytes += Number(entry.size);
  } else {
    const problem = { key: joinKey(dir, entry.name), message: obstacle };
    result.problems.push(
      obstacle === CHANGED ? { ...problem, result: 'changed', side: 'destination' } : { ...problem, result: 'failed' },
    );
  }
}
