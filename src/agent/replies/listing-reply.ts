// The roots' listing → a Reply: a stream of lines for lm, one document for a Sidecar. Never answers with less than all of it.

import { randomUUID } from 'node:crypto';
import { closeSync, openSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { formatEntries } from '../../amounts.js';
import { LmError, localError, printable } from '../../errors.js';
import { type EntryKey, type Exclusions, FIRST_FEW, type ListedRoot, type ListingHeader } from '../../files/entry.js';
import { inSidecarOrder, pathOf, type Roots } from '../../files/roots.js';
import { type Feature, headerLine, namesLine, PROTOCOL_VERSION, progressLine } from '../../listing/listing-lines.js';
import { createWalker, type WalkChunk } from '../../listing/walk-lines.js';
import type { FilterSpec } from '../../patterns/filter.js';
import { stopFlagOf } from '../../threads/stop-flag.js';
import { createPool } from '../../threads/threads.js';
import { SEALED_TYPE, sealed } from '../../wire/line-seals.js';
import { AGENT_HEADER, AGENT_PROTOCOL } from '../../wire/routes.js';
import { readAhead } from '../files/read-ahead.js';
import { keepAlive } from '../keep-alive.js';
import type { Notice } from '../notices.js';
import type { Reply } from '../reply.js';
import { createNamesTold, type NamesTold } from './names-told.js';
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
  notice: Notice;
}

/** `gone` aborts when the client goes away, and ends the walk. */
export interface Listings {
  native(asked: { only: EntryKey | undefined; features: readonly Feature[] }, gone: AbortSignal): Reply;
  sidecar(gone: AbortSignal): Promise<Reply>;
  close(): Promise<void>;
}

export function createListings(setup: ListingSetup): Listings {
  const { roots, exclusions, identity } = setup;
  const filters: FilterSpec[] = [{ exclusions, roots: roots.map(({ key, path }) => ({ key, path })) }];
  const walker = createWalker();
  const pool = createPool<SidecarListingJob, SidecarListing>(new URL('./sidecar-thread.js', import.meta.url), 1);

  function native({ only, features }: Parameters<Listings['native']>[0], gone: AbortSignal): Reply {
    if (only !== undefined) pathOf(roots, only); // refuses what could be no key
    if (exclusions.exclude && !features.includes('exclude')) throw tooOldFor('exclude');
    const version = { protocol: PROTOCOL_VERSION, features };
    const header = { ...version, ...identity, roots: setup.listRoots(), exclusions, only };
    let found = 0;
    const names = features.includes('names') ? createNamesTold(setup.notice) : undefined;
    const tells = {
      ...{ ctimes: features.includes('ctimes'), links: features.includes('links') },
      newOwners: names !== undefined,
    };
    const chunks = walker.walk({ roots, filters, ...tells, ...(only !== undefined && { only }) }, undefined, gone);
    return {
      status: 200,
      headers: { 'content-type': SEALED_TYPE },
      body: sealed(
        keepAlive(
          linesIn(header, chunks, names, ({ entries, end }) => {
            found = entries;
            const [first] = end?.firstErrors ?? [];
            if (first)
              setup.notice('unread', `cannot read ${printable(first.key)}: ${first.message}${others(end!.errors)}`);
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
  async function sidecar(gone: AbortSignal): Promise<Reply> {
    setup.listRoots();
    const fd = openSpool(setup.spoolDir);
    try {
      const listing = await pool.run({ roots: inSidecarOrder(roots), filters, fd, stop: stopFlagOf(gone) });
      for (const text of leftOutTexts(listing)) setup.warn(text);
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
      if (error instanceof LmError && !gone.aborted) setup.notice('unlisted', error.message);
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

/** A client that does not know what is left out would take it for gone, and remove it on its side. */
const tooOldFor = (setting: string): LmError =>
  new LmError('refused', `the agent was started with --${setting}, which this client does not know`, {
    hint: 'use the same version of lm on both hosts',
  });

/** `told` hears of each chunk before it goes. */
async function* linesIn(
  header: ListingHeader,
  chunks: AsyncIterable<WalkChunk>,
  names: NamesTold | undefined,
  told: (chunk: WalkChunk) => void,
): AsyncGenerator<Uint8Array> {
  yield Buffer.from(headerLine(header, await names?.ofRoots(header.roots)));
  for await (const chunk of chunks) {
    told(chunk);
    const news = chunk.newOwners && (await names?.ofMore(chunk.newOwners));
    if (news) yield Buffer.from(namesLine(news));
    yield chunk.bytes;
  }
}

/** Of one listing. */
const others = (errors: number): string => (errors > 1 ? `, and ${errors - 1} more of its entries` : '');

function openSpool(dir: string): number {
  const path = join(dir, `listing-${randomUUID()}.json`);
  let fd: number | undefined;
  try {
    fd = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
    return fd;
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    throw localError('write', path, error);
  }
}

function leftOutTexts({ leftOut, firstLeftOut, excluded, firstExcluded }: SidecarListing): string[] {
  const text = (entries: number, first: EntryKey[]): string => {
    const few = first.slice(0, FIRST_FEW);
    return `${formatEntries(entries)} (${few.map(printable).join(', ')}${entries > few.length ? ', …' : ''})`;
  };
  return [
    ...(leftOut > 0
      ? [`left out of a Sidecar's listing, being no files within their root: ${text(leftOut, firstLeftOut)}`]
      : []),
    ...(excluded > 0 ? [`excluded from a Sidecar's listing: ${text(excluded, firstExcluded)}`] : []),
  ];
}
