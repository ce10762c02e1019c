// Fetches the pages of a file's blocks that differ from those here from an lm agent, in a worker. It does not retry.

import type { WorkerFault } from '../../source/failure.js';
import { sealedHeaders } from '../../wire/file-requests.js';
import { createPagesReader } from '../../wire/pages/pages-answer.js';
import { blocksOfRuns, PAGES_REQUEST_TYPE, textDigest, writePagesRequest } from '../../wire/pages/pages-request.js';
import { requestFor } from '../../wire/routes.js';
import type { WantedFile } from '../worker-jobs.js';
import { Damaged, exchange, type Slot } from './exchange.js';
import type { Fetcher, PagesSink } from './fetch.js';
import { ctimeIn, cutFrames, expectFrames, partOf, refusedFile } from './fetch-frames.js';

/** `hashes`: of each page of these blocks as they are here. */
export async function fetchPages(
  slot: Slot,
  file: WantedFile,
  { runs, hashes, torn }: Parameters<NonNullable<Fetcher['pages']>>[2],
  sink: PagesSink,
): Promise<WorkerFault | undefined> {
  const head = { kind: 'pages', young: true, ...(torn && { torn }), blocks: runs } as const;
  const body = writePagesRequest({ ...head, dirs: partOf(file) }, hashes);
  const request = { ...requestFor('fetch'), headers: sealedHeaders(PAGES_REQUEST_TYPE, body), body };
  const requested = blocksOfRuns(runs, Number(file.entry.size));
  const text = textDigest(body, slot.hasher);
  let reader: ReturnType<typeof createPagesReader> | undefined;
  const fault = await exchange(slot.connection, request, {
    head(head) {
      expectFrames(head);
      const ctimeNs = ctimeIn(head);
      reader = createPagesReader(
        { requested, text, bytes: head.length, hasCtime: ctimeNs !== undefined },
        {
          refused: (result, message) => refusedFile(sink, file, result, message),
          blocks: (blocks) => sink.blocks(blocks, ctimeNs!), // an answer without a ctime has none
          bytes: (chunk, position) => sink.bytes(chunk, position),
          damaged() {
            throw new Damaged();
          },
        },
        slot.hasher,
      );
    },
    body: (chunk) => reader!.push(chunk),
  });
  if (!fault && !reader?.done()) throw cutFrames();
  return fault;
}
