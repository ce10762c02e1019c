// Makes the frame of a range of an open file: with a trailer, with a seal behind each block, or with the seals alone.

import { type BigIntStats, fstatSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { errnoOf } from '../../errors.js';
import { readInTime } from '../../pace/paced-reads.js';
import type { Pacer } from '../../pace/rate.js';
import {
  type RangeRequest,
  TRAILER_STATUS,
  type TrailerStatus,
  trailerBytes,
  writeFrameHead,
} from '../../wire/frames.js';
import { SEALS_HEADER, sealsBytes, sealsOfHole, writeSeal } from '../../wire/range-seals.js';
import { statusOf } from './listed-file.js';
import { mapUnread, runsOf } from './map-range.js';
import { type ReadProblem, readAhead } from './read-ahead.js';

export interface RangeFrame {
  /** Length of the whole frame. */
  bytes: number;
  headers: Record<string, string>;
  body: AsyncIterable<Uint8Array>;
}

/** Calls `onFailure` with the reason when the file cannot be read to the end of the range. `pacer`: for what is read and not sent. */
export function rangeFrame(
  fd: number,
  request: RangeRequest,
  onFailure: (message: string) => void,
  pacer: Pacer,
): RangeFrame {
  const { length, seals } = request;
  const head = writeFrameHead({ length });
  if (!seals)
    return {
      bytes: head.length + length + trailerBytes(length),
      headers: {},
      body: withTrailer(fd, head, request, onFailure),
    };
  const opened = fstatSync(fd, { bigint: true });
  return {
    bytes: head.length + (seals === 'alone' ? 0 : length) + sealsBytes(length),
    headers: { [SEALS_HEADER]: `${opened.ctimeNs}` },
    body:
      seals === 'alone'
        ? sealsAlone(fd, head, request, onFailure, opened, pacer)
        : withSeals(fd, head, request, onFailure, opened),
  };
}

async function* withTrailer(
  fd: number,
  head: Uint8Array,
  request: RangeRequest,
  onFailure: (message: string) => void,
): AsyncGenerator<Uint8Array> {
  const { offset, length } = request;
  const digests: Uint8Array[] = [];
  const reading = createReading(fd, request, onFailure);
  yield head;
  yield* readAhead(fd, offset, offset + length, {
    onProblem: reading.onProblem,
    onBlock(digest) {
      digests.push(digest); // a range begins on a block
      return undefined;
    },
  });
  yield Buffer.concat([Buffer.from([reading.status()]), ...digests]);
}

async function* withSeals(
  fd: number,
  head: Uint8Array,
  request: RangeRequest,
  onFailure: (message: string) => void,
  opened: BigIntStats,
): AsyncGenerator<Uint8Array> {
  const { offset, length } = request;
  const reading = createReading(fd, request, onFailure, opened);
  const onBlock = (digest: Uint8Array): Uint8Array => writeSeal(reading.status(), digest);
  yield head;
  yield* readAhead(fd, offset, offset + length, { onProblem: reading.onProblem, onBlock });
}

/** A client waits 30 s for 60 bytes, which are the seals of seven blocks, and a block is read in four chunks. */
const MAX_WAIT_MS = 750;

async function* sealsAlone(
  fd: number,
  head: Uint8Array,
  request: RangeRequest,
  onFailure: (message: string) => void,
  opened: BigIntStats,
  pacer: Pacer,
): AsyncGenerator<Uint8Array> {
  const { offset, length } = request;
  const reading = createReading(fd, request, onFailure, opened);
  const made: Uint8Array[] = [];
  const onBlock = (digest: Uint8Array): undefined => {
    made.push(writeSeal(reading.status(), digest));
  };
  yield head;
  for (const { hole, start, end } of runsOf(await mapUnread(fd, offset, offset + length))) {
    if (hole) {
      yield sealsOfHole(start, end, reading.status());
      continue;
    }
    for await (const { length } of readAhead(fd, start, end, { onProblem: reading.onProblem, onBlock })) {
      await readInTime(pacer, length, MAX_WAIT_MS);
      await nextTurn(); // no byte of the file is sent, so nothing else lets other requests have a turn
      yield* made.splice(0);
    }
  }
}

/** The status of a range while it is read: once it is `changed` or `failed` it stays so. */
export function createReading(
  fd: number,
  { young, dirs }: RangeRequest,
  onFailure: (message: string) => void,
  opened?: BigIntStats,
) {
  const [, [file]] = dirs[0];
  const beganMs = young ? performance.now() : undefined;
  let problem: ReadProblem | undefined;
  let ended: TrailerStatus | undefined;

  /** A file that is shorter than it states, and still states the same size, has failed and not changed. */
  function currentStatus(): TrailerStatus {
    if (problem && problem !== 'shrunk') return TRAILER_STATUS.failed;
    const status = statusOf(fd, file, beganMs, opened);
    return problem && status !== TRAILER_STATUS.changed ? TRAILER_STATUS.failed : status;
  }

  return {
    onProblem(met: ReadProblem): void {
      problem = met;
    },
    status(): TrailerStatus {
      if (ended !== undefined) return ended;
      const status = currentStatus();
      if (status === TRAILER_STATUS.changed || status === TRAILER_STATUS.failed) ended = status;
      if (problem && status === TRAILER_STATUS.failed)
        onFailure(problem === 'shrunk' ? 'it is shorter than it states' : (errnoOf(problem) ?? problem.message));
      return status;
    },
  };
}
