// Fetches one file, or a range of it, from a Sidecar with a plain GET. Only the length of the response can be checked.

import type { FileFailure } from '../../digest/listed-file.js';
import { joinKey } from '../../files/entry.js';
import type { WorkerFault } from '../../source/failure.js';
import { fileUrl, isServedRaw } from '../../wire/file-urls.js';
import type { ResponseHead } from '../../wire/response.js';
import { requestFor } from '../../wire/routes.js';
import type { WantedFile } from '../worker-jobs.js';
import { exchange, type Slot, Unwanted } from './exchange.js';
import type { FetchSink, Range } from './fetch.js';

/**
 * Follows the Sidecar's rules: URLs raw, no validators, and the total in Content-Range is wrong. Another length means that the file has changed
 * since it was listed.
 */
export async function fetchFile(
  slot: Slot,
  file: WantedFile,
  range: Range | undefined,
  sink: FetchSink,
): Promise<WorkerFault | undefined> {
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
        if (other) throw new Unwanted();
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

function unexpected(head: ResponseHead, length: number, start: number | undefined): string | undefined {
  if (head.status !== (start === undefined ? 200 : 206) || head.length !== length)
    return `the source has ${head.length} bytes where ${length} were due`;
  const range = head.headers.get('content-range') ?? '';
  return start !== undefined && !range.startsWith(`bytes ${start}-`) ? 'the source sent another range' : undefined;
}

/** 404: removed since it was listed; 416: empty by now; 403: a link out of its base. A retry helps none of them. */
function goneReason(fault: WorkerFault | undefined, other: string | undefined): [FileFailure, string] | undefined {
  if (other) return ['changed', other];
  if (fault?.kind !== 'status') return undefined;
  if (fault.status === 404) return ['vanished', 'it is no longer there'];
  if (fault.status === 416) return ['changed', 'it has become shorter'];
  return fault.status === 403 ? ['failed', fault.message ?? 'the source forbids it'] : undefined;
}
