// Worker thread: carries out one unit after another, socket to disk, and says what became of it. Decides nothing and retries nothing.

import { workerData } from 'node:worker_threads';
import { LmError } from '../errors.js';
import { type Entry, joinKey } from '../files/entry.js';
import { serveJobs } from '../files/threads.js';
import { createXxh64 } from '../files/xxh64.js';
import { mayBeYoung } from '../files/young.js';
import { createPacer } from '../wire/rate.js';
import type { UnkeptNow } from './attributes.js';
import { Connection } from './connection.js';
import { Disk, type OpenPart } from './disk.js';
import { FETCHERS, type FetchSink, type Slot } from './fetch.js';
import {
  LANE_COUNTERS,
  type LaneFault,
  type LaneOrder,
  type LaneResult,
  type LaneSetup,
  type Wanted,
} from './lane-jobs.js';
import { CHANGED, type Obstacle } from './places.js';
import { readSlice, type Slice } from './spool.js';

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

/** What is read at once is written and hashed while it is in the core's own cache. */
const RECEIVE_BYTES = 256 << 10;

const idle: Slot[] = [];
const busy = new Set<Slot>();
let stopped = false;

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
      return bundle(readEntries(job.spool, job.slice), job.from);
    case 'range':
      return range({ dir: job.dir, entry: job.entry, partIno: job.partIno }, job.offset, job.length);
    case 'publish':
      return publish(job.files);
    case 'forget':
      disk.forgetDirectories();
      return empty();
    case 'stop':
      stopped = true;
      for (const slot of busy) slot.connection.close();
      return empty();
    case 'fix':
    case 'settle':
      return mend(readEntries(job.spool, job.slice));
    default:
      return deeds(job.kind, readEntries(job.spool, job.slice));
  }
}

const empty = (): LaneResult => ({ done: { entries: 0, bytes: 0 }, problems: [], young: [], settled: 0 });

const readEntries = (spool: string, slice: Slice): Wanted[] =>
  readSlice(spool, slice).flatMap(([dir, entries]) => entries.map((entry) => ({ dir, entry })));

const isAskedFor = ({ entry }: Wanted): boolean => entry.kind === 'file' && (entry.size !== '0' || servesEmpty);

async function bundle(entries: Wanted[], from: number | undefined): Promise<LaneResult> {
  const result = empty();
  if (from === undefined) for (const entry of entries) if (!isAskedFor(entry)) makeHere(entry, result);
  const files = entries.filter(isAskedFor).slice(from ?? 0);
  result.settled = from ?? 0;
  if (files.length > 0) result.fault = await fetchAll(files, result);
  return result;
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

/** Whether nothing but its digest can tell a later change, which of an empty file the size does; see files/young. */
const wasYoung = ({ entry }: Wanted, told: boolean | undefined): boolean =>
  entry.size !== '0' && (told ?? mayBeYoung(BigInt(entry.mtimeNs), Date.now()));

function publish(files: Wanted[]): LaneResult {
  const result = empty();
  for (const file of files) {
    const { dir, entry } = file;
    const part = disk.reopenPart(dir, entry.name, Number(entry.size), file.partIno);
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
      stopIfAsked();
      if (position === 0) begin(file);
      if (typeof part === 'object') disk.append(part, chunk, joinKey(file.dir, file.entry.name));
      unproved += chunk.length;
      arrived(chunk.length);
    },
    whole(file, told) {
      if (begun !== file) begin(file); // it is empty
      const done = part;
      part = begun = undefined;
      if (typeof done === 'object' && wasYoung(file, told)) {
        const partIno = disk.inodeOf(done.fd);
        disk.close(done.fd, joinKey(file.dir, file.entry.name));
        result.young.push({ ...file, partIno });
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
  return withSlot(async (slot) => {
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

/** A range of a part the main thread has made and will publish. Nothing of it counts until all of it is there and proved. */
async function range(file: Wanted, offset: number, length: number): Promise<LaneResult> {
  const result = empty();
  let unproved = 0;
  const { dir, entry } = file;
  const key = joinKey(dir, entry.name);
  const part = disk.reopenPart(dir, entry.name, Number(entry.size), file.partIno);
  if (!part)
    throw new LmError('local', `the unfinished part of ${key} is gone`, { hint: 'does something else write there?' });
  try {
    const sink: FetchSink = {
      bytes(_, chunk, position) {
        stopIfAsked();
        disk.write(part.fd, chunk, offset + position, key);
        unproved += chunk.length;
        arrived(chunk.length);
      },
      whole(_, told) {
        if (wasYoung(file, told)) result.young.push(file);
        result.settled = length;
        unproved = 0;
      },
      problem: (_, kind, message, side) =>
        void result.problems.push({ key, result: kind, message, ...(side && { side }) }),
      forget() {},
    };
    result.fault = await withSlot((slot) => fetcher.range(slot, file, { offset, length }, sink));
    return result;
  } finally {
    add('bytesDone', -unproved);
    disk.close(part.fd, key);
  }
}

function arrived(bytes: number): void {
  add('bytesReceived', bytes);
  add('bytesDone', bytes);
}

function stopIfAsked(): void {
  if (stopped) throw new LmError('interrupted', 'stopped');
}

async function withSlot<T>(use: (slot: Slot) => Promise<T>): Promise<T> {
  stopIfAsked();
  const slot = idle.pop() ?? openSlot();
  busy.add(slot);
  try {
    const result = await use(slot);
    stopIfAsked(); // a connection that was closed for that looks like a fault of the network
    return result;
  } finally {
    busy.delete(slot);
    idle.push(slot);
  }
}

function openSlot(): Slot {
  const hasher = createXxh64(origin.tls ? RECEIVE_BYTES : Math.min(RECEIVE_BYTES, pacer.chunkBytes));
  return { connection: new Connection(origin, hasher.buffer, pacer), hasher };
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
