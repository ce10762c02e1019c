// Requests the hashes of a file's blocks from an lm agent, without the bytes.

import type { ListedFile } from '../digest/listed-file.js';
import { parentOf } from '../files/entry.js';
import { FILE_REQUEST_TYPE } from '../wire/file-requests.js';
import { FRAME_HEAD_BYTES, FRAMES_CONTENT_TYPE, MAX_MESSAGE_BYTES, writeFetchRequest } from '../wire/frames.js';
import { OFFSET_HEADER, readSeals, SEALS_HEADER, sealsBytes } from '../wire/range-seals.js';
import { requestFor } from '../wire/routes.js';
import { bodyOf, isOfType, type SourceRequest, unexpectedAnswer } from './http-client.js';
import { PATIENCE } from './patience.js';
import { withRetry } from './retry.js';
import { retrying, type SourceSetup } from './source.js';

/** XXH64 of each MiB of a range; undefined where the file is not the listed one any more, or cannot be read. */
export async function blocksAt(
  setup: SourceSetup,
  { key, size, mtimeNs, ino }: ListedFile,
  { offset, length }: { offset: number; length: number },
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const { client, patience = PATIENCE } = setup;
  const dir = parentOf(key);
  const request: SourceRequest = {
    ...requestFor('fetch'),
    what: 'the hashes of a file',
    headers: { 'content-type': FILE_REQUEST_TYPE },
    body: writeFetchRequest({
      ...{ kind: 'range', young: true, seals: 'alone', offset, length },
      dirs: [[dir, [[key.slice(dir.length + 1), size, mtimeNs, ino]]]],
    }),
    silenceMs: patience.silenceMs,
    signal,
  };
  const answer = await withRetry(() => client.request(request), retrying(setup, request.what, signal));
  if (!isOfType(answer, FRAMES_CONTENT_TYPE)) throw unexpectedAnswer(answer, request.what, client.origin);
  if (answer.header(SEALS_HEADER) === undefined) return undefined; // a refusal, or an agent that would send the bytes
  if ((answer.header(OFFSET_HEADER) ?? `${offset}`) !== `${offset}`) return undefined; // of another range, as the request was damaged
  const most = FRAME_HEAD_BYTES + Math.max(sealsBytes(length), MAX_MESSAGE_BYTES);
  const chunks: Uint8Array[] = [];
  let got = 0;
  for await (const chunk of bodyOf(answer, request, client.origin)) {
    got += chunk.length;
    if (got > most) throw unexpectedAnswer(answer, request.what, client.origin);
    chunks.push(chunk);
  }
  const seals = readSeals(Buffer.concat(chunks), length);
  if ('result' in seals || seals.some(({ end }) => end !== 'as-promised' && end !== 'young')) return undefined;
  return Buffer.concat(seals.map(({ digest }) => digest));
}
