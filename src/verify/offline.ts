// Verifies this side alone: reads every file again and compares it with the hashes that the ledger has of it. Asks no source, and writes
// nothing into the ledger, which may be all that is left to tell.

import { join } from 'node:path';
import { blockDigestOf } from '../digest/block-hashes.js';
import { BLOCK_DIGEST } from '../digest/digest.js';
import type { InaccessibleDirectories } from '../disk/inaccessible-directories.js';
import { localError } from '../errors.js';
import type { Emit } from '../events.js';
import { MAY_READ } from '../files/dirfd.js';
import { compareKeys, type Entry, type EntryKey, joinKey } from '../files/entry.js';
import type { Exclusions, ListingTotals } from '../files/listing.js';
import type { Proof, Validators } from '../files/proof.js';
import { pathOf, type Roots } from '../files/roots.js';
import { sameTime } from '../files/times.js';
import type { Fidelity } from '../linux/fidelity.js';
import { type Walker, walkHere } from '../listing/walk-lines.js';
import type { LocalPace } from '../pace/local-pace.js';
import { compileFilter, type Filter, isKeyExcluded } from '../patterns/filter.js';
import { createPairedDigests } from '../plan/digests/paired-digests.js';
import { differingBlocks, type ProvablePair } from '../plan/digests/proved-digests.js';
import { addNamed, noneNamed } from '../plan/left-out.js';
import {
  type Difference,
  NOTHING_COUNTED,
  nothingRead,
  type ProofsReport,
  type VerifyReport,
} from '../report/verify-report.js';
import { openLedger, type ProvedFile, provedFiles } from '../state/ledger/reader.js';
import { dateOf, type Finding, finding } from './compare.js';
import { compareContents, type FileComparison } from './contents.js';
import { SetAside } from './files/set-aside.js';
import type { Compared, KnownFiles } from './proofs.js';
import { problemsIn, type Verified } from './verify.js';

interface OfflineOptions {
  run: string;
  /** Where the files came from, for the report; nothing is asked of it. */
  url: string;
  /** Of the instance, and the id of the agent whose files its ledger is about. */
  dir: string;
  identity: string;
  /** What was found wrong with the ledger before. */
  ledgerFault: string | undefined;
  roots: Roots;
  exclusions: Exclusions;
  /** What the destination is known not to keep. */
  fidelity: Fidelity | undefined;
  inaccessible: InaccessibleDirectories | undefined;
  spool: string;
  walker: Walker;
  pace: LocalPace | undefined;
  concurrency: number;
  threads: number;
  emit: Emit;
  signal: AbortSignal;
  began(report: VerifyReport): void;
}

/** Throws `local` for what cannot be listed here, and the signal's reason. */
export async function verifyOffline(options: OfflineOptions): Promise<Verified> {
  const notInLedger = noneNamed();
  const proofs: ProofsReport = { ...nothingRead(), notInLedger };
  const faulty = (text: string): void => {
    proofs.ledgerFault ??= text;
    options.emit({ type: 'warning', text });
  };
  if (options.ledgerFault !== undefined) faulty(options.ledgerFault);
  const reasons: NonNullable<VerifyReport['reasons']> = {};
  const report: VerifyReport = {
    ...{ run: options.run, source: options.url, digestAlgorithm: BLOCK_DIGEST, state: 'IN_PROGRESS' },
    ...{ ...NOTHING_COUNTED, by: 'offline', proofs, reasons },
  };
  options.began(report);
  const emit: Emit = (event) => {
    if (event.type === 'difference') reasons[event.difference.reason] = (reasons[event.difference.reason] ?? 0) + 1;
    options.emit(event);
  };
  emit({ type: 'phase', iteration: 0, state: 'VERIFYING' });
  const { roots, threads, pace, concurrency, signal } = options;
  const digests = createPairedDigests(NO_SOURCE, roots, BLOCK_DIGEST, threads, { pace });
  digests.start();
  let files: SetAside | undefined;
  try {
    files = await sweepHere({ ...options, emit, faulty }, report, notInLedger);
    const comparison = { ...digests, compare: comparing(digests.answers) };
    await compareContents(
      files,
      comparison,
      {
        source: NO_SOURCE,
        concurrency,
        emit,
        signal,
        proofs: { openKnown: () => openProofs(options), learn: countReads(report) },
      },
      report,
      undefined,
    );
  } finally {
    files?.close();
    await digests.close();
  }
  const isWhole = notInLedger.entries === 0 && proofs.ledgerFault === undefined;
  const isProved = problemsIn(report) === 0 && isWhole && report.filesMatched > 0;
  report.state = isProved ? 'COMPLETED' : 'FAILED';
  return { report, unlisted: 0 };
}

const NO_SOURCE = {
  async *digests() {},
  digestBatch: { files: 256, bytes: 64 << 20 },
};

/** Lists what is here beside what the ledger has, and sets aside the files that have to be read. */
async function sweepHere(
  options: OfflineOptions & { faulty(text: string): void },
  report: VerifyReport,
  notInLedger: ReturnType<typeof noneNamed>,
): Promise<SetAside> {
  const { roots, exclusions, fidelity, inaccessible, spool, walker, dir, identity, faulty, emit, signal } = options;
  /** Of a small file that was only received, the ledger has the source's time, which is finer than what is kept here. */
  const isSameTime = (key: EntryKey, a: string, b: string): boolean =>
    sameTime(a, b, 'us') || fidelity?.isSameTime(key, a, b) === true;
  const own = { exclusions, roots: [...roots] };
  const excludes = compileFilter(own);
  inaccessible?.openRoots(MAY_READ);
  const job = { roots, filters: [own], ctimes: true, opensInaccessible: inaccessible !== undefined };
  const walk = walkHere(
    walker,
    { ...job, endsAtLostPattern: true },
    inaccessible && ((sums) => inaccessible.note(sums)),
  );
  const here = new SetAside(join(spool, 'verify.jsonl'));
  const differ = (key: EntryKey, difference: Omit<Difference, 'key'>): void =>
    emit({ type: 'difference', difference: { key, ...difference } });
  const ledger = ahead(
    provedFiles(dir, identity, faulty), // of a file whose line is damaged nothing tells that it is missing
    excludes,
    (key) => {
      report.filesNotFoundAtDestination++;
      differ(key, { reason: 'not-found-at-destination' });
    },
  );
  const began = performance.now();
  try {
    for await (const walked of walk.blocks) {
      signal.throwIfAborted();
      const { dir: at, entries } = walked.block();
      for (const entry of entries) {
        if (entry.kind !== 'file') continue;
        const key = joinKey(at, entry.name);
        const proof = ledger.passTo(at, entry.name);
        if (!proof) {
          addNamed(notInLedger, key);
          continue;
        }
        const { local } = proof;
        const findings = findingsOf(entry, local, (a, b) => isSameTime(key, a, b));
        if (findings.length === 0) report.metadataMatched++;
        else report.metadataMismatches++;
        for (const finding of findings) differ(key, finding);
        if (entry.size !== local.size) continue;
        here.add(at, entry, entry);
      }
    }
    ledger.end();
    tellListed(walk.totals(), roots, performance.now() - began, emit);
  } catch (error) {
    here.close();
    throw error;
  } finally {
    ledger.close();
  }
  return here;
}

function findingsOf(
  { size, mtimeNs }: Entry,
  local: Validators,
  isSameTime: (a: string, b: string) => boolean,
): Finding[] {
  return [
    ...(size === local.size ? [] : [finding('size', local.size, size)]),
    ...(isSameTime(mtimeNs, local.mtimeNs) ? [] : [finding('mtime', dateOf(local.mtimeNs), dateOf(mtimeNs))]),
  ];
}

/** What this host could not read must not be taken for absent. */
function tellListed(totals: ListingTotals, roots: Roots, elapsedMs: number, emit: Emit): void {
  const { entries, bytes, excluded, firstExcluded } = totals;
  emit({ type: 'listed', side: 'destination', entries, bytes, excluded, firstExcluded, elapsedMs });
  const [unread] = totals.firstErrors;
  if (unread) throw localError('read', pathOf(roots, unread.key), Object.assign(new Error(), { code: unread.message }));
}

interface Ahead {
  /** The proof of a file; calls `missing` with the files before it, in the order of listings, that are not here. */
  passTo(dir: EntryKey, name: string): Proof | undefined;
  end(): void;
  close(): void;
}

/** What is excluded now is not missed. */
function ahead(files: Generator<ProvedFile>, excludes: Filter, missing: (key: EntryKey) => void): Ahead {
  let next = files.next();
  const miss = ({ dir, name }: ProvedFile): void => {
    const key = joinKey(dir, name);
    if (!isKeyExcluded(excludes, key)) missing(key);
    next = files.next();
  };
  return {
    passTo(dir, name) {
      for (; !next.done; miss(next.value)) {
        const order = compareKeys(next.value.dir, dir) || compareKeys(next.value.name, name);
        if (order > 0) return undefined;
        if (order < 0) continue;
        const { proof } = next.value;
        next = files.next();
        return proof;
      }
      return undefined;
    },
    end() {
      while (!next.done) miss(next.value);
    },
    close: () => void files.return(undefined),
  };
}

/** For the pairs of the sweep, whose two entries are the same. */
function openProofs({ dir, identity }: Pick<OfflineOptions, 'dir' | 'identity'>): KnownFiles {
  const reader = openLedger(dir, identity);
  return {
    of: ({ pairs }) => pairs.map((pair) => ({ ...pair, proof: reader.proofOf(pair.dir, pair.local.name) })),
    close: () => reader.close(),
  };
}

const comparing =
  (answers: ReturnType<typeof createPairedDigests>['answers']): FileComparison['compare'] =>
  async (pairs, signal) => {
    const [, here] = await answers([], pairs, signal);
    return pairs.map((pair, i) => judged(pair, here[i]!));
  };

function judged({ dir, local: { name }, proof }: ProvablePair, local: Compared['local']): Compared {
  const { blocks } = proof!;
  const source = { digest: blockDigestOf(blocks) };
  const equal = 'digest' in local && local.digest === source.digest;
  const differingAt = !equal && 'digest' in local && local.blocks ? differingBlocks(blocks, local.blocks) : undefined;
  const reads = { source: false, local: true };
  return {
    key: joinKey(dir, name),
    ...{ equal, young: false, source, local, reads },
    ...(differingAt && { differingAt }),
  };
}

const countReads =
  ({ proofs }: VerifyReport) =>
  ({ local: { size }, proof }: ProvablePair, { local }: Compared): void => {
    const { readHere, oldestMs = Number.POSITIVE_INFINITY } = proofs!;
    readHere.entries++;
    readHere.bytes += Number(size);
    if ('digest' in local && local.read === 'direct') readHere.direct++;
    proofs!.oldestMs = Math.min(oldestMs, proof!.atMs);
  };
