// One unit's bytes, from the source's answers to the disk: a bundle or range from an lm agent, or plain GETs from a Sidecar.
// Runs in a lane. Retries nothing.

import { errnoOf, excerpt, LmError } from '../errors.js';
import { joinKey, NO_INODE } from '../files/entry.js';
import type { Xxh64 } from '../files/xxh64.js';
import { fileUrl, isServedRaw } from '../wire/file-urls.js';
import {
  createFrameReader,
  FRAMES_CONTENT_TYPE,
  type FrameEnd,
  type FrameSink,
  writeFetchRequest,
  YOUNG_HEADER,
} from '../wire/frames.js';
import type { Part, PartsOfDir } from '../wire/parts.js';
import type { ResponseHead } from '../wire/response.js';
import { requestFor } from '../wire/routes.js';
import type { Connection, Request } from './connection.js';
import type { FileResult, LaneFault, Wanted } from './lane-jobs.js';
import type { Transport } from './transport.js';

/** What a fetch tells of each file, in order, as soon as it is settled. */
export interface FetchSink {
  /** The bytes of the next file, in order; `position` counts from where its fetch began. */
  bytes(file: Wanted, chunk: Uint8Array, position: number): void;
  /** All its bytes have been handed over, and are the source's. `young`, when they were read; undefined where the source does not tell. */
  whole(file: Wanted, young: boolean | undefined): void;
  /** `side`: whose disk it was, where that is known. */
  problem(file: Wanted, result: FileResult, message: string, side?: 'source'): void;
  /** What was handed over of this file is worth nothing. */
  forget(file: Wanted): void;
}

/** A slot of a lane: a connection, and the hasher whose buffer it reads into. */
export interface Slot {
  connection: Connection;
  hasher: Xxh64;
}

const ERROR_BODY_BYTES = 4096;

/** Of the body of an error, which is read to its end so that the connection can be used again. */
const MOST_ERROR_BYTES = 1 << 20;

/** Both resolve to what cut them short, if anything, and throw `local` and `protocol`. */
export interface Fetcher {
  files(slot: Slot, files: readonly Wanted[], sink: FetchSink): Promise<LaneFault | undefined>;
  range(slot: Slot, file: Wanted, range: Range, sink: FetchSink): Promise<LaneFault | undefined>;
}

/** In bytes of the file. */
interface Range {
  offset: number;
  length: number;
}

export const FETCHERS: Record<Transport['by'], Fetcher> = {
  units: {
    files: (slot, files, sink) => fetchFrames(slot, files, undefined, sink),
    range: (slot, file, range, sink) => fetchFrames(slot, [file], range, sink),
  },
  files: {
    async files(slot, files, sink) {
      for (const file of files) {
        const fault = await fetchFile(slot, file, undefined, sink);
        if (fault) return fault;
      }
      return undefined;
    },
    range: fetchFile,
  },
};

/** A range of the single file, or every file whole. */
async function fetchFrames(
  slot: Slot,
  files: readonly Wanted[],
  range: Range | undefined,
  sink: FetchSink,
): Promise<LaneFault | undefined> {
  const lengths = range ? [range.length] : files.map(({ entry }) => Number(entry.size));
  const request: Request = {
    ...requestFor('fetch'),
    headers: { 'Content-Type': 'application/x-ndjson' },
    body: writeFetchRequest(
      range
        ? { kind: 'range', young: true, ...range, dirs: partsByDir(files) as [[string, [Part]]] }
        : { kind: 'bundle', young: true, dirs: partsByDir(files) },
    ),
  };
  let tellsYoung = false;
  const frames = createFrameReader(
    lengths,
    frameSink(files, sink, () => tellsYoung),
    slot.hasher,
  );
  const fault = await exchange(slot.connection, request, {
    head(head) {
      if (head.headers.get('content-type') !== FRAMES_CONTENT_TYPE) throw notFrames(head);
      tellsYoung = head.headers.has(YOUNG_HEADER);
    },
    body: (chunk) => frames.push(chunk),
  });
  if (!fault && !frames.done()) throw new LmError('protocol', 'the source sent fewer files than it was asked for');
  return fault;
}

class Damaged extends Error {}

function frameSink(files: readonly Wanted[], sink: FetchSink, tellsYoung: () => boolean): FrameSink {
  return {
    refused: (index, result, message) => refusedFile(sink, files[index]!, result, message),
    bytes: (index, chunk, position) => sink.bytes(files[index]!, chunk, position),
    end(index: number, end: FrameEnd) {
      const file = files[index]!;
      if (end === 'young') return sink.whole(file, true);
      if (end === 'as-promised') return sink.whole(file, tellsYoung() ? false : undefined);
      sink.forget(file);
      if (end === 'damaged') throw new Damaged();
      sink.problem(file, end, END_TEXT[end], end === 'failed' ? 'source' : undefined);
    },
  };
}

/** What failed at the source says so; what has changed or is gone is a sentence of its own. */
function refusedFile(sink: FetchSink, file: Wanted, result: FileResult, message: string): void {
  if (result !== 'failed') return sink.problem(file, result, message);
  if (!/^E[A-Z0-9]+$/.test(message)) return sink.problem(file, result, `at the source: ${message}`, 'source');
  const meaning = message === 'EACCES' || message === 'EPERM' ? ': lm serve runs as a user who may not read it' : '';
  sink.problem(file, result, `cannot be read at the source: ${message}${meaning}`, 'source');
}

const END_TEXT = {
  changed: 'it changed while it was read',
  failed: 'the source could not read it, or it holds fewer bytes than it states',
} as const;

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

/**
 * One file, or a range of it, by a plain GET (sidecar-side rules: URLs raw, no validators, the total of Content-Range is
 * wrong). A different length means that the file has changed since it was listed.
 */
async function fetchFile(
  slot: Slot,
  file: Wanted,
  range: Range | undefined,
  sink: FetchSink,
): Promise<LaneFault | undefined> {
  const key = joinKey(file.dir, file.entry.name);
  if (!isServedRaw(key)) {
    sink.problem(file, 'failed', 'a Sidecar cannot serve a file of this name');
    return undefined;
  }
  const expected = range?.length ?? Number(file.entry.size);
  const whole = !range || range.length === Number(file.entry.size);
  const headers = whole ? undefined : { Range: `bytes=${range.offset}-${range.offset + range.length - 1}` };
  let position = 0;
  let other: string | undefined;
  const fault = await exchange(
    slot.connection,
    { ...requestFor('file', fileUrl(key)), headers },
    {
      head(head) {
        other = unexpected(head, expected, whole ? undefined : range!.offset);
        if (other) throw new OtherFile();
      },
      body(chunk) {
        sink.bytes(file, chunk, position);
        position += chunk.length;
      },
    },
  );
  const gone = goneReason(fault, other);
  if (!gone) {
    if (!fault) sink.whole(file, undefined);
    return fault;
  }
  sink.forget(file);
  sink.problem(file, ...gone);
  return undefined;
}

class OtherFile extends Error {}

function unexpected(head: ResponseHead, length: number, start: number | undefined): string | undefined {
  if (head.status !== (start === undefined ? 200 : 206) || head.length !== length)
    return `the source has ${head.length} bytes where ${length} were due`;
  const range = head.headers.get('content-range') ?? '';
  return start !== undefined && !range.startsWith(`bytes ${start}-`) ? 'the source sent another range' : undefined;
}

/** 404: gone since it was listed; 416: empty by now; 403: a link out of its base. None of them mends by trying again. */
function goneReason(fault: LaneFault | undefined, other: string | undefined): [FileResult, string] | undefined {
  if (other) return ['changed', other];
  if (fault?.kind !== 'status') return undefined;
  if (fault.status === 404) return ['vanished', 'it is no longer there'];
  if (fault.status === 416) return ['changed', 'it has become shorter'];
  return fault.status === 403 ? ['failed', fault.message ?? 'the source forbids it'] : undefined;
}

/**
 * Sends a request and passes a successful body on. Every other status becomes a fault with what the source said. A
 * network error becomes a fault too, as does a damaged frame; anything else a callback throws is thrown.
 */
async function exchange(
  connection: Connection,
  request: Request,
  on: { head(head: ResponseHead): void; body(chunk: Uint8Array): void },
): Promise<LaneFault | undefined> {
  const reused = connection.reused;
  let answered = false;
  let refusal: ResponseHead | undefined;
  let said = '';
  try {
    await connection.request(request, {
      head(head) {
        answered = true;
        if (head.status >= 200 && head.status <= 299) return on.head(head);
        if (head.length > MOST_ERROR_BYTES) throw endlessError(head);
        refusal = head;
      },
      body(chunk) {
        if (!refusal) return on.body(chunk);
        if (said.length < ERROR_BODY_BYTES) said += Buffer.from(chunk).toString('latin1');
      },
      end() {},
    });
  } catch (error) {
    if (error instanceof OtherFile) return undefined;
    if (error instanceof Damaged) return { kind: 'damaged' };
    const code = errnoOf(error);
    if (error instanceof LmError || code === undefined) throw error;
    return { kind: 'network', code, message: (error as Error).message, reused: reused && !answered, answered };
  }
  if (!refusal) return undefined;
  return {
    kind: 'status',
    status: refusal.status,
    retryAfter: refusal.headers.get('retry-after'),
    message: messageIn(said),
  };
}

/** The Sidecar's error documents carry a `message`; anything else is quoted from its beginning. */
function messageIn(body: string): string | undefined {
  try {
    const { message } = JSON.parse(body) as { message?: unknown };
    return typeof message === 'string' ? message : undefined;
  } catch {
    return body.slice(0, 100) || undefined;
  }
}

const endlessError = ({ status, length }: ResponseHead): LmError =>
  new LmError('protocol', `the source answered with HTTP ${status} and ${length} bytes about it`);

const notFrames = (head: ResponseHead): LmError =>
  new LmError(
    'protocol',
    `the source answered a fetch with ${excerpt(head.headers.get('content-type') ?? 'no content type')}`,
  );
