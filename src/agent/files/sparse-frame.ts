// Makes the frame of a sparse range of an open file: blocks that lie in holes are neither read nor sent. What is a hole is found out before the
// head is sent, because the length of a reply has to be known.

import { fstatSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { blocksOf, type RangeRequest, writeFrameHead } from '../../wire/frames.js';
import { BLOCK_KIND, SEALS_HEADER, sealsBytes, sealsOfHole, writeSeal } from '../../wire/range-seals.js';
import { type BlockRun, type MappedRange, mapRange, runsOf } from './map-range.js';
import { createReading, type RangeFrame } from './range-frame.js';
import { readAhead } from './read-ahead.js';

type Reading = ReturnType<typeof createReading>;

/** Calls `onFailure` as `rangeFrame` does. The frame may be shorter than requested: it ends before more than MAX_RANGE_BYTES of data. */
export async function sparseFrame(
  fd: number,
  request: RangeRequest,
  onFailure: (message: string) => void,
): Promise<RangeFrame> {
  const opened = fstatSync(fd, { bigint: true });
  const reading = createReading(fd, request, onFailure, opened); // before the holes are found: what changes from here on is no longer as promised
  const range = await mapRange(fd, request.offset, request.offset + request.length);
  const { start, end, holes } = range;
  const head = writeFrameHead({ length: end - start });
  const sent = [...runsOf(range)].reduce((sum, run) => sum + (run.hole ? 0 : run.end - run.start), 0);
  return {
    bytes: head.length + holes.length + sent + sealsBytes(end - start),
    headers: { [SEALS_HEADER]: `${opened.ctimeNs}` },
    body: withHoles(fd, head, range, reading),
  };
}

async function* withHoles(
  fd: number,
  head: Uint8Array,
  range: MappedRange,
  reading: Reading,
): AsyncGenerator<Uint8Array> {
  yield head;
  for (const run of runsOf(range)) {
    if (run.hole)
      yield sealsOfHole(run.start, run.end, reading.status(), 'with-kinds'); // one status: nothing is read between them
    else yield* sealedBytes(fd, run, reading);
    await nextTurn();
  }
}

const BYTES = Uint8Array.of(BLOCK_KIND.bytes);

async function* sealedBytes(fd: number, { start, end }: BlockRun, reading: Reading): AsyncGenerator<Uint8Array> {
  let left = blocksOf(end - start);
  const onBlock = (digest: Uint8Array): Uint8Array => {
    const seal = writeSeal(reading.status(), digest);
    left--;
    return left > 0 ? Buffer.concat([seal, BYTES]) : seal;
  };
  yield BYTES;
  yield* readAhead(fd, start, end, { onProblem: reading.onProblem, onBlock });
}
