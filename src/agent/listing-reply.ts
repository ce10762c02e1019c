// The roots' listing → a Reply: a stream of lines for lm, one document for a Sidecar. Never answers with less than all of it.

import { randomUUID } from 'node:crypto';
import { closeSync, openSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { localError, printable } from '../errors.js';
import type { EntryKey, Exclusions, ListedRoot } from '../files/entry.js';
import type { FilterSpec } from '../files/filter.js';
import { inSidecarOrder, pathOf, type Roots } from '../files/roots.js';
import { createPool } from '../files/threads.js';
import { headerLine, PROTOCOL_VERSION, progressLine } from '../wire/listing-lines.js';
import { AGENT_HEADER, AGENT_PROTOCOL } from '../wire/routes.js';
import { SEALED_TYPE, sealed } from '../wire/sealed.js';
import { createWalker, type WalkChunk } from '../wire/walk-lines.js';
import { keepAlive } from './keep-alive.js';
import { readAhead } from './read-ahead.js';
import type { Reply } from './reply.js';
import type { SidecarListing, SidecarListingJob } from './sidecar-listing.js';

export interface ListingSetup {
  roots: Roots;
  exclusions: Exclusions;
  identity: { agentId: string; machine: string };
  /** Where a Sidecar's document is written before it is sent. */
  spoolDir: string;
  /** Throws for a root that is not what it was. */
  listRoots(): ListedRoot[];
  warn(text: string): void;
}

export interface Listings {
  native(only: EntryKey | undefined): Reply;
  sidecar(): Promise<Reply>;
  close(): Promise<void>;
}

export function createListings(setup: ListingSetup): Listings {
  const { roots, exclusions, identity } = setup;
  const filters: FilterSpec[] = [{ exclusions, roots: roots.map(({ key, path }) => ({ key, path })) }];
  const walker = createWalker();
  const pool = createPool<SidecarListingJob, SidecarListing>(new URL('./sidecar-thread.js', import.meta.url), 1);

  function native(only: EntryKey | undefined): Reply {
    if (only !== undefined) pathOf(roots, only); // refuses what could be no key
    const header = headerLine({ protocol: PROTOCOL_VERSION, ...identity, roots: setup.listRoots(), exclusions, only });
    let found = 0;
    const chunks = walker.walk({ roots, filters, ...(only !== undefined && { only }) });
    return {
      status: 200,
      headers: { 'content-type': SEALED_TYPE },
      body: sealed(
        keepAlive(
          linesIn(header, chunks, (entries) => {
            found = entries;
          }),
          () => progressLine(found),
        ),
      ),
    };
  }

  /**
   * Spooled first: a name or a directory that makes the list impossible may come last, and must be answered with an error that
   * names it, which a document already half sent could not be. The spool has no name, so that nothing is left behind.
   */
  async function sidecar(): Promise<Reply> {
    setup.listRoots();
    const fd = openSpool(setup.spoolDir);
    try {
      const listing = await pool.run({ roots: inSidecarOrder(roots), filters, fd });
      if (listing.leftOut > 0) setup.warn(leftOutText(listing));
      return {
        status: 200,
        headers: {
          'content-type': 'application/json',
          'content-length': listing.bytes,
          [AGENT_HEADER]: AGENT_PROTOCOL, // whoever took this agent for a Sidecar shall know
        },
        body: readAhead(fd, 0, listing.bytes),
        done: () => closeSync(fd),
      };
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  return {
    native,
    sidecar,
    close: async () => {
      await Promise.all([walker.close(), pool.close()]);
    },
  };
}

/** `told` hears how many entries the walk has found, before each chunk. */
async function* linesIn(
  header: string,
  chunks: AsyncIterable<WalkChunk>,
  told: (entries: number) => void,
): AsyncGenerator<Uint8Array> {
  yield Buffer.from(header);
  for await (const { bytes, entries } of chunks) {
    told(entries);
    yield bytes;
  }
}

function openSpool(dir: string): number {
  const path = join(dir, `listing-${randomUUID()}.json`);
  try {
    const fd = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
    return fd;
  } catch (error) {
    throw localError('write', path, error);
  }
}

function leftOutText({ leftOut, firstLeftOut }: SidecarListing): string {
  const names = firstLeftOut.map(printable).join(', ');
  return `left out of a Sidecar's listing, being no files within their root: ${leftOut} entries (${names}${leftOut > firstLeftOut.length ? ', …' : ''})`;
}
