// Replies with the listing of the roots: a stream of lines for lm, one JSON document for a Sidecar, which gets an error in place of a
// listing that is incomplete.

import { randomUUID } from 'node:crypto';
import { closeSync, openSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { formatEntries } from '../../amounts.js';
import { LmError, localError, printable } from '../../errors.js';
import type { EntryKey, RootKey } from '../../files/entry.js';
import { type Exclusions, FIRST_FEW, type ListedRoot, type ListingHeader } from '../../files/listing.js';
import { inSidecarOrder, pathOf, type Roots } from '../../files/roots.js';
import { type Feature, headerLine, namesLine, PROTOCOL_VERSION, progressLine } from '../../listing/listing-lines.js';
import { createWalker, type WalkChunk } from '../../listing/walk-lines.js';
import type { FilterSpec } from '../../patterns/filter.js';
import { stopFlagOf } from '../../threads/stop-flag.js';
import { createPool } from '../../threads/threads.js';
import { SEALED_TYPE, sealed } from '../../wire/line-seals.js';
import { AGENT_HEADER, AGENT_PROTOCOL, type Role } from '../../wire/routes.js';
import { readAhead } from '../files/read-ahead.js';
import { keepAlive } from '../keep-alive.js';
import type { Notice } from '../notices.js';
import type { Reply } from '../reply.js';
import { createListedOwnerNames, type ListedOwnerNames } from './listed-owner-names.js';
import type { SidecarListing, SidecarListingJob } from './sidecar-listing.js';

export interface ListingSetup {
  roots: Roots;
  /** A destination is listed without unfinished parts. */
  role: Role;
  exclusions: Exclusions;
  /** The keys of roots that are snapshots. */
  snapshots: readonly RootKey[];
  identity: { agentId: string; machine: string };
  /** The directory where a Sidecar's document is written before it is sent. */
  spoolDir: string;
  /** Those of the roots that are there. Throws for a root that is no longer the directory it was. */
  listRoots(): ListedRoot[];
  warn(text: string): void;
  notice: Notice;
}

/** `gone` aborts when the client goes away, and ends the walk. */
interface Listings {
  native(options: { only: EntryKey | undefined; features: readonly Feature[] }, gone: AbortSignal): Reply;
  sidecar(gone: AbortSignal): Promise<Reply>;
  close(): Promise<void>;
}

export function createListings(setup: ListingSetup): Listings {
  const { roots, exclusions, identity } = setup;
  const filters: FilterSpec[] = [{ exclusions, roots: roots.map(({ key, path }) => ({ key, path })) }];
  const walker = createWalker();
  const pool = createPool<SidecarListingJob, SidecarListing>(new URL('./sidecar-thread.js', import.meta.url), 1);

  function native({ only, features }: Parameters<Listings['native']>[0], gone: AbortSignal): Reply {
    if (only !== undefined) pathOf(roots, only); // throws for what cannot be a key of these roots
    if (exclusions.exclude && !features.includes('exclude')) throw tooOldFor('exclude');
    const version = { protocol: PROTOCOL_VERSION, features };
    const header = { ...version, ...identity, roots: setup.listRoots(), exclusions, only };
    let found = 0;
    const names = features.includes('names') ? createListedOwnerNames(setup.notice) : undefined;
    const fields = {
      ...{ ctimes: features.includes('ctimes'), links: features.includes('links') },
      allocated: features.includes('allocated'),
      isSnapshot: setup.snapshots.length > 0,
      newOwners: names !== undefined,
    };
    const chunks = walker.walk({ roots, filters, ...fields, ...(only !== undefined && { only }) }, undefined, gone);
    return {
      status: 200,
      headers: { 'content-type': SEALED_TYPE },
      body: sealed(
        keepAlive(
          linesIn(header, chunks, names, ({ entries, totals }) => {
            found = entries;
            const [first] = totals?.firstErrors ?? [];
            if (first)
              setup.notice(
                'unread',
                `cannot read ${printable(first.key)}: ${first.message}${moreErrors(totals!.errors)}`,
              );
          }),
          () => progressLine(found),
        ),
      ),
    };
  }

  /**
   * The document is spooled before it is sent: a name or directory that makes the listing impossible may come last, and the reply must
   * then be an error that names it. The spool file has no name, so that nothing is left behind.
   */
  async function sidecar(gone: AbortSignal): Promise<Reply> {
    const there = setup.listRoots().map(({ key }) => key);
    const listed = inSidecarOrder(roots.filter(({ key }) => there.includes(key)));
    const hidesParts = setup.role === 'destination';
    const fd = openSpool(setup.spoolDir);
    try {
      const listing = await pool.run({ roots: listed, filters, hidesParts, fd, stop: stopFlagOf(gone) });
      for (const text of leftOutTexts(listing)) setup.warn(text);
      return {
        status: 200,
        headers: {
          'content-type': 'application/json',
          'content-length': listing.bytes,
          [AGENT_HEADER]: AGENT_PROTOCOL, // a client that took this agent for a Sidecar learns what it is
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

/** A client that does not know this exclusion would take excluded entries for removed ones, and remove them on its side. */
const tooOldFor = (setting: string): LmError =>
  new LmError('refused', `the agent was started with --${setting}, which this client does not know`, {
    hint: 'use the same version of lm on both hosts',
  });

/** Calls `onChunk` with each chunk before it is yielded. */
async function* linesIn(
  header: ListingHeader,
  chunks: AsyncIterable<WalkChunk>,
  names: ListedOwnerNames | undefined,
  onChunk: (chunk: WalkChunk) => void,
): AsyncGenerator<Uint8Array> {
  yield Buffer.from(headerLine(header, await names?.ofRoots(header.roots)));
  for await (const chunk of chunks) {
    onChunk(chunk);
    const newNames = chunk.newOwners && (await names?.ofNew(chunk.newOwners));
    if (newNames) yield Buffer.from(namesLine(newNames));
    yield chunk.bytes;
  }
}

/** Of one listing, in which `errors` entries could not be read. */
const moreErrors = (errors: number): string => (errors > 1 ? `, and ${errors - 1} more of its entries` : '');

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
