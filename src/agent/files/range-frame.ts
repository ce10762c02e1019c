// A range of an open file as one frame: with a trailer, with a seal behind each block, or the seals alone. Opens and closes nothing.

import { fstatSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { errnoOf } from '../../errors.js';
import {
  type RangeRequest,
  TRAILER_STATUS,
  type TrailerStatus,
  trailerBytes,
  writeFrameHead,
} from '../../wire/frames.js';
import { SEALS_HEADER, sealsBytes, writeSeal } from '../../wire/range-seals.js';
import { statusOf } from './listed-file.js';
import { readAhead, type Trouble } from './read-ahead.js';

export interface RangeFrame {
  /** Of all of it. */
  bytes: number;
  headers: Record<string, string>;
  body: AsyncIterable<Uint8Array>;
}

/** `failed` hears why the file could not be read to the end of the range. */
export function rangeFrame(fd: number, request: RangeRequest, failed: (message: string) => void): RangeFrame {
  const { length, seals } = request;
  const head = writeFrameHead({ length });
  if (!seals)
    return {
      bytes: head.length + length + trailerBytes(length),
      headers: {},
      body: withTrailer(fd, head, request, failed),
    };
  return {
    bytes: head.length + (seals === 'alone' ? 0 : length) + sealsBytes(length),
    headers: { [SEALS_HEADER]: `${fstatSync(fd, { bigint: true }).ctimeNs}` },
    body: withSeals(fd, head, request, failed),
  };
}

async function* withTrailer(
  fd: number,
  head: Uint8Array,
  request: RangeRequest,
  failed: (message: string) => void,
): AsyncGenerator<Uint8Array> {
  const { offset, length } = request;
  const digests: Uint8Array[] = [];
  const reading = createReading(fd, request, failed);
  yield head;
  yield* readAhead(fd, offset, offset + length, {
    onTrouble: reading.met,
    onBlock(digest) {
      digests.push(digest); // ranges begin on a block
      return undefined;
    },
  });
  yield Buffer.concat([Buffer.from([reading.status()]), ...digests]);
}

async function* withSeals(
  fd: number,
  head: Uint8Array,
  request: RangeRequest,
  failed: (message: string) => void,
): AsyncGenerator<Uint8Array> {
  const { offset, length, seals } = request;
  const reading = createReading(fd, request, failed);
  const made: Uint8Array[] = [];
  const onBlock = (digest: Uint8Array): Uint8Array | undefined => {
    const seal = writeSeal(reading.status(), digest);
    if (seals !== 'alone') return seal;
    made.push(seal);
    return undefined;
  };
  const chunks = readAhead(fd, offset, offset + length, { onTrouble: reading.met, onBlock });
  yield head;
  if (seals !== 'alone') return yield* chunks;
  for await (const _ of chunks) {
    await nextTurn(); // no byte of the file is sent, and so nothing else lets others have their turn
    yield* made.splice(0);
  }
}

/** How the reading of a range goes; whatever has been met before goes on being said. */
function createReading(fd: number, { young, dirs }: RangeRequest, failed: (message: string) => void) {
  const [, [part]] = dirs[0];
  const beganMs = young ? performance.now() : undefined;
  let trouble: Trouble | undefined;
  let ended: TrailerStatus | undefined;

  /** A file that is shorter than it states, and states so still, has not changed. */
  function look(): TrailerStatus {
    if (trouble && trouble !== 'shrunk') return TRAILER_STATUS.failed;
    const status = statusOf(fd, part, beganMs);
    return trouble && status !== TRAILER_STATUS.changed ? TRAILER_STATUS.failed : status;
  }

  return {
    met(what: Trouble): void {
      trouble = what;
    },
    status(): TrailerStatus {
      if (ended !== undefined) return ended;
      const status = look();
      if (status === TRAILER_STATUS.changed || status === TRAILER_STATUS.failed) ended = status;
      if (trouble && status === TRAILER_STATUS.failed)
        failed(trouble === 'shrunk' ? 'it is shorter than it states' : (errnoOf(trouble) ?? trouble.message));
      return status;
    },
  };
}
