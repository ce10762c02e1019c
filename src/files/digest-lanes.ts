// Keeps the lanes of a thread busy: as one file ends the next takes its lane, whichever job it is of. Opens and closes no file.

import { readSync } from 'node:fs';
import { createMd5Lanes, type Md5Lane, type Md5Lanes } from './md5-lanes.js';

/** A file that waits for a lane. Nothing here may throw. */
export interface LaneTask {
  /** Called when there is a lane for it. Nothing: there is no file to be read after all. */
  open(): OpenFile | undefined;
  /** Called once for what `open` returned: what was read of it, which ends early in a file that has become shorter. */
  end(fd: number, read: { digest: string; bytes: number } | { error: unknown }): void;
}

export interface OpenFile {
  fd: number;
  /** How far to read, from the first byte. */
  bytes: number;
}

export interface LaneQueue {
  add(task: LaneTask): void;
}

/** Between turns the thread listens: for further jobs, whose files may take lanes that would be idle. A few milliseconds. */
const TURN_BYTES = 8 << 20;

/** MD5 of the files of this thread; nothing where there are no vectors to compute with. */
export function createLaneQueue(): LaneQueue | undefined {
  const md5 = createMd5Lanes();
  if (!md5) return undefined;
  const waiting: LaneTask[] = [];
  const seats = md5.lanes.map((lane): Seat => ({ lane }));
  let isRunning = false;

  function turn(): void {
    for (let blocks = 0; blocks < TURN_BYTES / 64; ) {
      const busy = seats.filter((seat) => fill(md5!, seat, waiting));
      if (busy.length === 0) {
        isRunning = false;
        return;
      }
      blocks += busy.length * md5!.advance(busy.map(({ lane }) => lane));
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
  lane: Md5Lane;
  reading?: OpenFile & { task: LaneTask; at: number; isRead: boolean };
}

/** Sees to it that the lane has a block to hash. False when no file is left to have one. */
function fill(md5: Md5Lanes, seat: Seat, waiting: LaneTask[]): boolean {
  while (seat.lane.blocks() === 0) {
    const { reading, lane } = seat;
    if (!reading) {
      const task = waiting.shift();
      if (!task) return false;
      const file = task.open();
      if (!file) continue;
      lane.begin();
      seat.reading = { ...file, task, at: 0, isRead: false };
    } else if (reading.isRead) {
      seat.reading = undefined;
      reading.task.end(reading.fd, { digest: lane.digest(), bytes: reading.at });
    } else readMore(md5, seat, reading);
  }
  return true;
}

function readMore(md5: Md5Lanes, seat: Seat, reading: NonNullable<Seat['reading']>): void {
  const { lane } = seat;
  const { offset, length } = lane.room();
  try {
    const wanted = Math.min(length, reading.bytes - reading.at);
    const got = wanted === 0 ? 0 : readSync(reading.fd, md5.memory, offset, wanted, reading.at);
    lane.filled(got);
    reading.at += got;
    reading.isRead = got === 0 || reading.at === reading.bytes;
    if (reading.isRead) lane.finish();
  } catch (error) {
    seat.reading = undefined;
    reading.task.end(reading.fd, { error });
  }
}
