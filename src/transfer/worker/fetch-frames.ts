// Fetches units in frames from an lm agent, in a worker: bundles, and ranges sealed block by block. It does not retry.

import type { FileFailure } from '../../digest/listed-file.js';
import { excerpt, LmError } from '../../errors.js';
import { NO_INODE } from '../../files/entry.js';
import type { HttpRequest } from '../../source/connection.js';
import type { WorkerFault } from '../../source/failure.js';
import {
  FILE_REQUEST_TYPE,
  type RequestedDirectory,
  type RequestedFile,
  sealedHeaders,
} from '../../wire/file-requests.js';
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
import {
  createSealedReader,
  OFFSET_HEADER,
  readSeals,
  SEALS_HEADER,
  type SealedSink,
  sealsBytes,
} from '../../wire/range-seals.js';
import type { ResponseHead } from '../../wire/response.js';
import { requestFor } from '../../wire/routes.js';
import type { WantedFile } from '../worker-jobs.js';
import { Damaged, exchange, type Slot, Unwanted } from './exchange.js';
import type { FetchSink, Range, RangeSink, SealsSink } from './fetch.js';

export async function fetchBundle(
  slot: Slot,
  files: readonly WantedFile[],
  sink: FetchSink,
): Promise<WorkerFault | undefined> {
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

/** Fetches a range with seals, if the agent knows them; from an older one, the trailer proves all of it or nothing. */
export async function fetchRange(
  slot: Slot,
  file: WantedFile,
  range: Range,
  sink: RangeSink,
): Promise<WorkerFault | undefined> {
  const sparse = file.entry.allocated !== undefined;
  const seals = sparse ? 'sparse' : 'behind-blocks';
  const request = requestOf({ kind: 'range', young: true, seals, ...range, dirs: partOf(file) });
  let frames: FrameReader | undefined;
  const fault = await exchange(slot.connection, request, {
    head(head) {
      expectFrames(head);
      expectOffset(head, range);
      const ctimeNs = ctimeIn(head);
      frames =
        ctimeNs === undefined
          ? createFrameReader(
              [range.length],
              frameSink([file], sink, () => head.headers.has(YOUNG_HEADER)),
              slot.hasher,
            )
          : createSealedReader(range.length, sealedSink(file, range, sink, ctimeNs), slot.hasher, sparse);
    },
    body: (chunk) => frames!.push(chunk),
  });
  if (!fault && !frames?.done()) throw cutFrames();
  return fault;
}

/** Fetches the seals of a range without its bytes. An agent that knows no seals sends the bytes: then nothing is reported, nor read if long. */
export async function fetchSeals(
  slot: Slot,
  file: WantedFile,
  range: Range,
  sink: SealsSink,
): Promise<WorkerFault | undefined> {
  const request = requestOf({ kind: 'range', young: true, seals: 'alone', ...range, dirs: partOf(file) });
  const body: Buffer[] = [];
  let ctimeNs: string | undefined;
  let isRefusal = false;
  const fault = await exchange(slot.connection, request, {
    head(head) {
      expectFrames(head);
      expectOffset(head, range);
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
  if (ctimeNs !== undefined && !isHeadOf(whole, range.length)) return { kind: 'damaged' };
  const reply = readSeals(whole, range.length);
  if ('result' in reply) refusedFile(sink, file, reply.result, reply.message);
  else if (ctimeNs !== undefined) sink.seals(reply, ctimeNs);
  return undefined;
}

/** The length of the body and the ctime say what its head has to be. */
const isHeadOf = (body: Buffer, length: number): boolean => body[0] === BYTES_FOLLOW && body.readUInt32LE(1) === length;

/** Undefined where the answer has a trailer, or none at all. */
export function ctimeIn({ headers }: ResponseHead): string | undefined {
  const reply = headers.get(SEALS_HEADER);
  if (reply !== undefined && !/^-?\d{1,28}$/.test(reply))
    throw new LmError('protocol', `the source sealed a range with a ctime of ${excerpt(reply)}`);
  return reply;
}

function requestOf(request: FetchRequest): HttpRequest {
  const body = writeFetchRequest(request);
  return { ...requestFor('fetch'), headers: sealedHeaders(FILE_REQUEST_TYPE, body), body };
}

export function expectFrames(head: ResponseHead): void {
  const type = head.headers.get('content-type');
  if (type !== FRAMES_CONTENT_TYPE)
    throw new LmError('protocol', `the source answered a fetch with ${excerpt(type ?? 'no content type')}`);
}

/** Another one means that the request was damaged on its way. */
function expectOffset({ headers }: ResponseHead, { offset }: Range): void {
  if ((headers.get(OFFSET_HEADER) ?? `${offset}`) !== `${offset}`) throw new Damaged();
}

const notSeals = ({ length }: ResponseHead): LmError =>
  new LmError('protocol', `the source answered with ${length} bytes where it was asked for seals alone`);

export const cutFrames = (): LmError => new LmError('protocol', 'the source sent fewer files than it was asked for');

const sealedSink = (file: WantedFile, { torn }: Range, sink: RangeSink, ctimeNs: string): SealedSink => ({
  refused: (result, message) => refusedFile(sink, file, result, message),
  bytes: (chunk, position) => sink.bytes(file, chunk, position),
  hole: (bytes, position) => sink.hole(bytes, position),
  verified: (position, young, digest) => sink.proved(position, { young, ctimeNs }, digest),
  end: (end) => (torn && end === 'changed' ? sink.torn() : endFile(file, sink, end, () => true)),
});

function frameSink(files: readonly WantedFile[], sink: FetchSink, tellsYoung: () => boolean): FrameSink {
  return {
    refused: (index, result, message) => refusedFile(sink, files[index]!, result, message),
    bytes: (index, chunk, position) => sink.bytes(files[index]!, chunk, position),
    end: (index, end, blocks) => endFile(files[index]!, sink, end, tellsYoung, blocks),
  };
}

function endFile(
  file: WantedFile,
  sink: FetchSink,
  end: FrameEnd,
  tellsYoung: () => boolean,
  blocks?: Uint8Array,
): void {
  if (end === 'young') return sink.whole(file, true, blocks);
  if (end === 'as-promised') return sink.whole(file, tellsYoung() ? false : undefined, blocks);
  sink.forget(file);
  if (end === 'damaged') throw new Damaged();
  sink.problem(file, end, END_TEXT[end], end === 'failed' ? 'source' : undefined);
}

/** Reports a refusal. For a failure the message says that it was at the source; for a changed or removed file it is complete already. */
export function refusedFile(
  sink: Pick<FetchSink, 'problem'>,
  file: WantedFile,
  result: FileFailure,
  message: string,
): void {
  if (result !== 'failed') return sink.problem(file, result, message);
  if (!/^E[A-Z0-9]+$/.test(message)) return sink.problem(file, result, `at the source: ${message}`, 'source');
  const meaning = message === 'EACCES' || message === 'EPERM' ? ': lm serve runs as a user who may not read it' : '';
  sink.problem(file, result, `cannot be read at the source: ${message}${meaning}`, 'source');
}

const END_TEXT = {
  changed: 'it changed while it was read',
  failed: 'the source could not read it, or it holds fewer bytes than it states',
} as const;

export const partOf = ({ dir, entry }: WantedFile): [[string, [RequestedFile]]] =>
  partsByDir([{ dir, entry }]) as [[string, [RequestedFile]]];

function partsByDir(files: readonly WantedFile[]): RequestedDirectory[] {
  const dirs: RequestedDirectory[] = [];
  for (const { dir, entry } of files) {
    const { name, size, mtimeNs, ino = NO_INODE } = entry;
    const last = dirs.at(-1);
    if (last?.[0] === dir) last[1].push([name, size, mtimeNs, ino]);
    else dirs.push([dir, [[name, size, mtimeNs, ino]]]);
  }
  return dirs;
}
