// Worker thread: carries out one unit after another, socket to disk, and says what became of it. Decides nothing and retries nothing.

import { workerData } from 'node:worker_threads';
import { LmError } from '../errors.js';
import { joinKey, kindOf, type Row } from '../files/entry.js';
import { serveJobs } from '../files/threads.js';
import { createXxh64 } from '../files/xxh64.js';
import { createPacer } from '../wire/rate.js';
import { Connection } from './connection.js';
import { Disk, type OpenPart } from './disk.js';
import { type FetchSink, fetchFile, fetchFrames, type Slot, type Wanted } from './fetch.js';
import {
  type Deed,
  LANE_COUNTERS,
  type LaneFault,
  type LaneOrder,
  type LaneResult,
  type LaneSetup,
} from './lane-jobs.js';
import type { Obstacle } from './places.js';
import { readSlice, type Slice } from './spool.js';

const setup = workerData as LaneSetup;
const counters = new BigInt64Array(setup.counters);
const disk = new Disk(setup.roots, setup.disk, (bytes) => {
  add('entriesKept', 1);
  add('bytesKept', bytes);
});
const pacer = createPacer(setup.limitRate, setup.clock);

/** What is read at once is written and hashed while it is in the core's own cache. */
const RECEIVE_BYTES = 256 << 10;

const idle: Slot[] = [];
const busy = new Set<Slot>();
let stopped = false;

serveJobs<LaneOrder, LaneResult>(async (job) => {
  if (job.backup !== undefined) disk.backUpInto(job.backup);
  switch (job.kind) {
    case 'bundle':
      return bundle(readEntries(job.spool, job.slice), job.from);
    case 'range':
      return range({ dir: job.dir, row: job.row }, job.offset, job.length);
    case 'forget':
      disk.forgetDirectories();
      return empty();
    case 'stop':
      stopped = true;
      for (const slot of busy) slot.connection.close();
      return empty();
    default:
      return deeds(job.kind, readEntries(job.spool, job.slice));
  }
});

const empty = (): LaneResult => ({ done: { entries: 0, bytes: 0 }, problems: [], settled: 0 });

const readEntries = (spool: string, slice: Slice): Wanted[] =>
  readSlice(spool, slice).flatMap(([dir, rows]) => rows.map((row) => ({ dir, row })));

const hasBytes = ({ row }: Wanted): boolean => kindOf(row[3]) === 'file' && row[1] !== '0';

async function bundle(entries: Wanted[], from: number | undefined): Promise<LaneResult> {
  const result = empty();
  if (from === undefined) for (const entry of entries) if (!hasBytes(entry)) makeHere(entry, result);
  const files = entries.filter(hasBytes).slice(from ?? 0);
  result.settled = from ?? 0;
  if (files.length > 0) result.fault = await fetchAll(files, result);
  return result;
}

/** Empty files and links need no byte from the source; a Sidecar refuses to send empty files (416). */
function makeHere({ dir, row }: Wanted, result: LaneResult): void {
  if (kindOf(row[3]) === 'link') return note(result, { dir, row }, disk.makeLink(dir, row));
  const part = disk.beginFile(dir, row);
  note(result, { dir, row }, typeof part === 'string' ? part : disk.publish(part, dir, row));
}

function note(result: LaneResult, { dir, row }: Wanted, obstacle: string | undefined): void {
  if (obstacle !== undefined) {
    result.problems.push({ key: joinKey(dir, row[0]), result: 'failed', message: obstacle });
    return;
  }
  result.done.entries++;
  result.done.bytes += Number(row[1]);
  add('filesDone', 1);
}

const add = (counter: keyof typeof LANE_COUNTERS, amount: number): void =>
  void Atomics.add(counters, LANE_COUNTERS[counter], BigInt(amount));

/** The files of a bundle, each published as soon as its last byte is there. */
function fetchAll(files: Wanted[], result: LaneResult): Promise<LaneFault | undefined> {
  let part: OpenPart | Obstacle | undefined;
  let begun: Wanted | undefined;
  let unproved = 0;
  const begin = (file: Wanted): void => {
    part = disk.beginFile(file.dir, file.row);
    begun = file;
    unproved = 0;
  };
  const sink: FetchSink = {
    bytes(file, chunk, position) {
      stopIfAsked();
      if (position === 0) begin(file);
      if (typeof part === 'object') disk.append(part, chunk, joinKey(file.dir, file.row[0]));
      unproved += chunk.length;
      arrived(chunk.length);
    },
    whole(file) {
      const done = part;
      part = begun = undefined;
      note(result, file, typeof done === 'object' ? disk.publish(done, file.dir, file.row) : done);
      result.settled++;
    },
    problem(file, kind, message) {
      result.problems.push({ key: joinKey(file.dir, file.row[0]), result: kind, message });
      result.settled++;
    },
    forget(file) {
      if (begun) add('bytesDone', -unproved);
      const lost = part;
      part = begun = undefined;
      if (typeof lost !== 'object') return;
      disk.close(lost.fd, joinKey(file.dir, file.row[0]));
      disk.discard(file.dir, lost.name);
    },
  };
  return withSlot(async (slot) => {
    try {
      if (setup.kind === 'lm') return await fetchFrames(slot, files, undefined, sink);
      for (const file of files) {
        const fault = await fetchFile(slot, file, undefined, sink);
        if (fault) return fault;
      }
      return undefined;
    } finally {
      if (begun) sink.forget(begun); // only what was cut off is still open here
    }
  });
}

/** A range of a part the main thread has made and will publish. Nothing of it counts until all of it is there and proved. */
async function range(file: Wanted, offset: number, length: number): Promise<LaneResult> {
  const result = empty();
  let unproved = 0;
  const { dir, row } = file;
  const key = joinKey(dir, row[0]);
  const part = disk.reopenPart(dir, row[0], Number(row[1]));
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
      whole() {
        result.settled = length;
        unproved = 0;
      },
      problem: (_, kind, message) => void result.problems.push({ key, result: kind, message }),
      forget() {},
    };
    result.fault = await withSlot((slot) =>
      setup.kind === 'lm'
        ? fetchFrames(slot, [file], { offset, length }, sink)
        : fetchFile(slot, file, { offset, length }, sink),
    );
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
  const hasher = createXxh64(setup.origin.tls ? RECEIVE_BYTES : Math.min(RECEIVE_BYTES, pacer.chunkBytes));
  return { connection: new Connection(setup.origin, hasher.buffer, pacer), hasher };
}

const DEEDS: Record<Deed, (dir: string, row: Row) => string | undefined> = {
  remove: (dir, row) => disk.remove(dir, row),
  mkdir: (dir, row) => disk.makeDirectory(dir, row),
  fix: (dir, row) => disk.mend(dir, row),
  settle: (dir, row) => disk.mend(dir, row),
};

function deeds(deed: Deed, entries: Wanted[]): LaneResult {
  const result = empty();
  for (const entry of entries) {
    const obstacle = DEEDS[deed](entry.dir, entry.row);
    if (obstacle === undefined) {
      result.done.entries++;
      result.done.bytes += Number(entry.row[1]);
    } else result.problems.push({ key: joinKey(entry.dir, entry.row[0]), result: 'failed', message: obstacle });
  }
  return result;
}
