// Keeps the lanes of a thread busy: as one file ends the next takes its lane, whichever job it is of. Opens and closes no file.

import { readSync } from 'node:fs';
import { givenUp } from '../threads/stop-flag.js';
import { createHashLanes, type HashLanes, LANE_BYTES, type Lane, type LaneHash } from './kernels/hash-lanes.js';

/** A file that waits for a lane. Nothing here may throw. */
export interface LaneTask {
  /** Called when there is a lane for it. Nothing: there is no file to be read after all. */
  open(): OpenFile | undefined;
  /** Asked before each read of 64 KiB. */
  isGivenUp(): boolean;
  /** Hears of each read. */
  read?(bytes: number): void;
  /** Called once for what `open` returned: what was read of it, fewer bytes of a file that holds fewer, one more of one that holds more. */
  end(fd: number, read: { digest: string; bytes: number } | { error: unknown }): void;
}

export interface OpenFile {
  fd: number;
  /** What the file states to hold; one byte more is asked for. */
  bytes: number;
}

export interface LaneQueue {
  add(task: LaneTask): void;
}

/** Between turns the thread listens: for further jobs, whose files may take lanes that would be idle. A few milliseconds. */
const TURN_BYTES = 8 << 20;

/** Digests of files, up to eight at once. Takes `hasVectors()`. */
export function createLaneQueue(hash: LaneHash): LaneQueue {
  const hashes = createHashLanes(hash);
  const waiting: LaneTask[] = [];
  const seats = hashes.lanes.map((lane): Seat => ({ lane }));
  const busy: Lane[] = [];
  let isRunning = false;

  function turn(): void {
    for (let bytes = 0; bytes < TURN_BYTES; bytes += hashes.advance(busy)) {
      busy.length = 0;
      for (const seat of seats) if (hasBlocks(hashes, seat, waiting)) busy.push(seat.lane);
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

interface Seat {
  lane: Lane;
  reading?: Reading | undefined;
}

interface Reading {
  task: LaneTask;
  file: OpenFile;
  bytesRead: number;
  isRead: boolean;
}

/** Sees to it that the lane has a block to hash. False when there is no file left for it. */
function hasBlocks(hashes: HashLanes, seat: Seat, waiting: LaneTask[]): boolean {
  const { lane } = seat;
  while (lane.blocks() === 0) {
    const { reading } = seat;
    if (!reading) {
      const task = waiting.shift();
      if (!task) return false;
      const file = task.open();
      if (!file) continue;
      lane.begin();
      seat.reading = { task, file, bytesRead: 0, isRead: false };
    } else if (reading.isRead) {
      seat.reading = undefined;
      reading.task.end(reading.file.fd, { digest: lane.digest(), bytes: reading.bytesRead });
    } else {
      readMore(hashes, seat, reading);
    }
  }
  return true;
}

function readMore({ memory }: HashLanes, seat: Seat, reading: Reading): void {
  const { lane } = seat;
  const { task, file, bytesRead } = reading;
  try {
    if (task.isGivenUp()) throw givenUp();
    const wanted = Math.min(LANE_BYTES, file.bytes + 1 - bytesRead);
    const got = readSync(file.fd, memory, lane.room(), wanted, bytesRead);
    lane.filled(got);
    reading.bytesRead += got;
    task.read?.(got);
    reading.isRead = got === 0 || reading.bytesRead > file.bytes || (got < wanted && reading.bytesRead === file.bytes);
    if (reading.isRead) lane.finish();
  } catch (error) {
    seat.reading = undefined;
    task.end(file.fd, { error });
  }
}
