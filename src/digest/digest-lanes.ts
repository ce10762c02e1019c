// Keeps the lanes of a thread busy: when a file ends, the next one takes its lane, whichever job it belongs to.

import { givenUp } from '../threads/stop-flag.js';
import { isLast, type ReadHooks } from './digest-fd.js';
import { createHashLanes, type HashLanes, LANE_BYTES, type Lane, type LaneHash } from './kernels/hash-lanes.js';
import { DIRECT_BYTES, directBytes, type OpenFile, pageAligned, readAt } from './open-file.js';

/** A file that waits for a lane. Only `read` may throw. */
export interface LaneTask extends ReadHooks {
  /** Called when a lane is free. Undefined when there is no file to read after all. */
  open(): OpenFile | undefined;
  /** Called once for a file that `open` returned. `end` is less than its size if the file is shorter, and more if it is longer. */
  end(read: { digest: string; end: number } | { error: unknown }): void;
}

export interface LaneQueue {
  add(task: LaneTask): void;
}

/** A few milliseconds of work. Between turns the thread receives further jobs, whose files can take idle lanes. */
const TURN_BYTES = 8 << 20;
/** The same of a thread that keeps to a pace. Without it, an answer at 64 KiB/s would wait two minutes for the end of the turn. */
const TURN_MS = 50;

/** Digests up to eight files at once. Requires `hasVectors()`. */
export function createLaneQueue(hash: LaneHash): LaneQueue {
  const hashes = createHashLanes(hash);
  const waiting: LaneTask[] = [];
  const stages = createStages(hashes.lanes.length);
  const slots = hashes.lanes.map((lane, i): LaneSlot => ({ lane, stage: () => stages(i) }));
  const busy: Lane[] = [];
  let isRunning = false;

  function turn(): void {
    const ends = performance.now() + TURN_MS;
    for (let bytes = 0; bytes < TURN_BYTES && performance.now() < ends; bytes += hashes.advance(busy)) {
      busy.length = 0;
      for (const slot of slots) if (fillLane(hashes, slot, waiting)) busy.push(slot.lane);
      if (busy.length === 0) {
        isRunning = false;
        return;
      }
    }
    setImmediate(turn);
  }

  return {
    add(task) {
      waiting.push(task);
      if (isRunning) return;
      isRunning = true;
      setImmediate(turn);
    },
  };
}

/** Buffers for direct reads: those of lanes are shorter, because eight of them have to stay in a core's own cache. */
function createStages(count: number): (slot: number) => Buffer {
  let all: Buffer | undefined;
  return (slot) => {
    all ??= pageAligned(count * DIRECT_BYTES);
    return all.subarray(slot * DIRECT_BYTES, (slot + 1) * DIRECT_BYTES);
  };
}

interface LaneSlot {
  lane: Lane;
  stage(): Buffer;
  reading?: Reading | undefined;
}

interface Reading {
  task: LaneTask;
  file: OpenFile;
  /** Those that the lane has taken. */
  bytesRead: number;
  /** What a direct read has brought, and the lane has not taken yet. */
  staged: Buffer;
  /** Whether there is nothing more to read. */
  isLast: boolean;
  isRead: boolean;
}

const NOTHING = Buffer.alloc(0);

/** Gives the lane a block to hash. Returns false when no file waits for it. */
function fillLane(hashes: HashLanes, slot: LaneSlot, waiting: LaneTask[]): boolean {
  const { lane } = slot;
  while (lane.blocks() === 0) {
    const { reading } = slot;
    if (!reading) {
      const task = waiting.shift();
      if (!task) return false;
      const file = task.open();
      if (!file) continue;
      lane.begin();
      slot.reading = { task, file, bytesRead: 0, staged: NOTHING, isLast: false, isRead: false };
    } else if (reading.isRead) {
      slot.reading = undefined;
      reading.task.end({ digest: lane.digest(), end: reading.bytesRead });
    } else {
      readMore(hashes, slot, reading);
    }
  }
  return true;
}

function readMore({ memory }: HashLanes, slot: LaneSlot, reading: Reading): void {
  const { lane } = slot;
  const { task, file } = reading;
  try {
    const room = lane.room();
    if (reading.staged.length === 0) {
      if (task.isGivenUp()) throw givenUp();
      if (file.direct)
        reading.staged = readTo(reading, slot.stage(), 0, directBytes(file.size + 1 - reading.bytesRead));
    }
    const taken =
      reading.staged.length > 0 || reading.isLast
        ? fromStage(reading, memory, room)
        : readTo(reading, memory, room, Math.min(LANE_BYTES, file.size + 1 - reading.bytesRead)).length;
    lane.filled(taken);
    reading.bytesRead += taken;
    reading.isRead = reading.isLast && reading.staged.length === 0;
    if (reading.isRead) lane.finish();
  } catch (error) {
    slot.reading = undefined;
    task.end({ error });
  }
}

/** Reads the bytes behind those that the lane has taken. */
function readTo(reading: Reading, buffer: Buffer, at: number, wanted: number): Buffer {
  const { task, file, bytesRead } = reading;
  const got = readAt(file, buffer, at, wanted, bytesRead);
  const bytes = buffer.subarray(at, at + got);
  task.read?.(bytes);
  reading.isLast = isLast(got, wanted, bytesRead + got, file.size);
  return bytes;
}

function fromStage(reading: Reading, memory: Buffer, room: number): number {
  const taken = reading.staged.subarray(0, LANE_BYTES);
  taken.copy(memory, room);
  reading.staged = reading.staged.subarray(taken.length);
  return taken.length;
}
