// Units in frames from an lm agent: bundles, and ranges sealed block by block. Runs in a lane. Retries nothing.

import { excerpt, LmError } from '../../errors.js';
import { NO_INODE } from '../../files/entry.js';
import type { Request } from '../../source/connection.js';
import type { LaneFault } from '../../source/failure.js';
import {
  BYTES_FOLLOW,
  createFrameReader,
  type FetchRequest,
  FRAME_HEAD_BYTES,
  FRAMES_CONTENT_TYPE,
  type FrameEnd,
  type FrameReader,
  type FrameSink,
  MAX_MESSAGE_BYTES,
  writeFetchRequest,
  YOUNG_HEADER,
} from '../../wire/frames.js';
import { PARTS_CONTENT_TYPE, type Part, type PartsOfDir } from '../../wire/parts.js';
import { createSealedReader, readSeals, SEALS_HEADER, type SealedSink, sealsBytes } from '../../wire/range-seals.js';
import type { ResponseHead } from '../../wire/response.js';
import { requestFor } from '../../wire/routes.js';
import type { FileResult, Wanted } from '../lane-jobs.js';
import { Damaged, exchange, type Slot, Unwanted } from './exchange.js';
import type { FetchSink, Range, RangeSink, SealsSink } from './fetch.js';

export async function fetchBundle(
  slot: Slot,
  files: readonly Wanted[],
  sink: FetchSink,
): Promise<LaneFault | undefined> {
  let tellsYoung = false;
  const frames = createFrameReader(
    files.map(({ entry }) => Number(entry.size)),
    frameSink(files, sink, () => tellsYoung),
    slot.hasher,
  );
  const request = requestOf({ kind: 'bundle', young: true, dirs: partsByDir(files) });
  const fault = await exchange(slot.connection, request, {
    head(head) {
      expectFrames(head);
      tellsYoung = head.headers.has(YOUNG_HEADER);
    },
    body: (chunk) => frames.push(chunk),
  });
  if (!fault && !frames.done()) throw cutFrames();
  return fault;
}

/** With seals where the agent knows them; of an older one, all of it is proved by its trailer or nothing. */
export async function fetchRange(
  slot: Slot,
  file: Wanted,
  range: Range,
  sink: RangeSink,
): Promise<LaneFault | undefined> {
  const request = requestOf({ kind: 'range', young: true, seals: 'behind-blocks', ...range, dirs: partOf(file) });
  let frames: FrameReader | undefined;
  const fault = await exchange(slot.connection, request, {
    head(head) {
      expectFrames(head);
      const ctimeNs = ctimeIn(head);
      frames =
        ctimeNs === undefined
          ? createFrameReader(
              [range.length],
              frameSink([file], sink, () => head.headers.has(YOUNG_HEADER)),
              slot.hasher,
            )
          : createSealedReader(range.length, sealedSink(file, sink, ctimeNs), slot.hasher);
    },
    body: (chunk) => frames!.push(chunk),
  });
  if (!fault && !frames?.done()) throw cutFrames();
  return fault;
}

/** The seals of a range without its bytes. An agent that knows none sends the bytes: then nothing is told, nor read if it is long. */
export async function fetchSeals(
  slot: Slot,
  file: Wanted,
  range: Range,
  sink: SealsSink,
): Promise<LaneFault | undefined> {
  const request = requestOf({ kind: 'range', young: true, seals: 'alone', ...range, dirs: partOf(file) });
  const body: Buffer[] = [];
  let ctimeNs: string | undefined;
  let isRefusal = false;
  const fault = await exchange(slot.connection, request, {
    head(head) {
      expectFrames(head);
      ctimeNs = ctimeIn(head);
      isRefusal = head.length <= FRAME_HEAD_BYTES + MAX_MESSAGE_BYTES;
      if (ctimeNs === undefined && !isRefusal) throw new Unwanted();
      if (!isRefusal && head.length !== FRAME_HEAD_BYTES + sealsBytes(range.length)) throw notSeals(head);
    },
    body: (chunk) => void body.push(Buffer.from(chunk)),
  });
  if (fault || (ctimeNs === undefined && !isRefusal)) return fault;
  const whole = Buffer.concat(body);
  if (ctimeNs === undefined && whole[0] === BYTES_FOLLOW) return undefined; // so short a range that it looked like a refusal
  const told = readSeals(whole, range.length);
  if ('result' in told) refusedFile(sink, file, told.result, told.message);
  else if (ctimeNs !== undefined) sink.seals(told, ctimeNs);
  return undefined;
}

/** Undefined where the answer has a trailer, or none at all. */
function ctimeIn({ headers }: ResponseHead): string | undefined {
  const told = headers.get(SEALS_HEADER);
  if (told !== undefined && !/^-?\d{1,28}$/.test(told))
    throw new LmError('protocol', `the source sealed a range with a ctime of ${excerpt(told)}`);
  return told;
}

function requestOf(request: FetchRequest): Request {
  return {
    ...requestFor('fetch'),
    headers: { 'Content-Type': PARTS_CONTENT_TYPE },
    body: writeFetchRequest(request),
  };
}

function expectFrames(head: ResponseHead): void {
  const type = head.headers.get('content-type');
  if (type !== FRAMES_CONTENT_TYPE)
    throw new LmError('protocol', `the source answered a fetch with ${excerpt(type ?? 'no content type')}`);
}

const notSeals = ({ length }: ResponseHead): LmError =>
  new LmError('protocol', `the source answered with ${length} bytes where it was asked for seals alone`);

const cutFrames = (): LmError => new LmError('protocol', 'the source sent fewer files than it was asked for');

const sealedSink = (file: Wanted, sink: RangeSink, ctimeNs: string): SealedSink => ({
  refused: (result, message) => refusedFile(sink, file, result, message),
  bytes: (chunk, position) => sink.bytes(file, chunk, position),
  proved: (position, young) => sink.proved(position, { young, ctimeNs }),
  end: (end) => endFile(file, sink, end, () => true),
});

function frameSink(files: readonly Wanted[], sink: FetchSink, tellsYoung: () => boolean): FrameSink {
  return {
    refused: (index, result, message) => refusedFile(sink, files[index]!, result, message),
    bytes: (index, chunk, position) => sink.bytes(files[index]!, chunk, position),
    end: (index, end) => endFile(files[index]!, sink, end, tellsYoung),
  };
}

function endFile(file: Wanted, sink: FetchSink, end: FrameEnd, tellsYoung: () => boolean): void {
  if (end === 'young') return sink.whole(file, true);
  if (end === 'as-promised') return sink.whole(file, tellsYoung() ? false : undefined);
  sink.forget(file);
  if (end === 'damaged') throw new Damaged();
  sink.problem(file, end, END_TEXT[end], end === 'failed' ? 'source' : undefined);
}

/** What failed at the source says so; what has changed or is gone is a sentence of its own. */
function refusedFile(sink: Pick<FetchSink, 'problem'>, file: Wanted, result: FileResult, message: string): void {
  if (result !== 'failed') return sink.problem(file, result, message);
  if (!/^E[A-Z0-9]+$/.test(message)) return sink.problem(file, result, `at the source: ${message}`, 'source');
  const meaning = message === 'EACCES' || message === 'EPERM' ? ': lm serve runs as a user who may not read it' : '';
  sink.problem(file, result, `cannot be read at the source: ${message}${meaning}`, 'source');
}

const END_TEXT = {
  changed: 'it changed while it was read',
  failed: 'the source could not read it, or it holds fewer bytes than it states',
} as const;

const partOf = ({ dir, entry }: Wanted): [[string, [Part]]] => partsByDir([{ dir, entry }]) as [[string, [Part]]];

function partsByDir(files: readonly Wanted[]): PartsOfDir[] {
  const dirs: PartsOfDir[] = [];
  for (const { dir, entry } of files) {
    const { name, size, mtimeNs, ino = NO_INODE } = entry;
    const last = dirs.at(-1);
    if (last?.[0] === dir) last[1].push([name, size, mtimeNs, ino]);
    else dirs.push([dir, [[name, size, mtimeNs, ino]]]);
  }
  return dirs;
}
