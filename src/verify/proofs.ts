// What a verification takes from the ledger, so that it need not read it again, and what it gives back. Nothing but a reading is saved by it.

import { textHash } from '../digest/digest.js';
import { LmError } from '../errors.js';
import { type Entry, type EntryKey, HOT_TYPES } from '../files/entry.js';
import type { ListedBlock, ListingHeader, WalkedBlock } from '../files/listing.js';
import { entryIn, hasLostName, type Proof, standingOfEntry, validatorsOf } from '../files/proof.js';
import { stampText, statedText, stateOfBoth } from '../files/proof-text.js';
import { SETTLE_MS } from '../files/recent-changes.js';
import { msOf } from '../files/times.js';
import type { DigestedPair, PairOfFiles } from '../plan/digests/paired-digests.js';
import type { ProvablePair, ProvedPair } from '../plan/digests/proved-digests.js';
import type { Pair } from '../plan/merge.js';
import type { LineAnswer } from '../reading/listed-line.js';
import { nothingRead } from '../report/verify-report.js';
import { type History, mayBeUnsynced } from '../state/journal/history.js';
import { mergeLedger } from '../state/ledger/merge.js';
import { type LedgerReader, openLedger } from '../state/ledger/reader.js';
import { eachOnce } from '../state/ledger/trusted-file.js';
import { type BlockClaim, type LedgerWriter, openLedgerWriter } from '../state/ledger/writer.js';
import type { BlockAside, FilesAside } from './files/set-aside.js';

interface ProofsOptions {
  /** Of the instance. */
  dir: string;
  /** An existing directory for temporary files. */
  spool: string;
  /** Whether what is proved is not read again. */
  incremental: boolean;
  /** Whether the service runs: there is time to read, so that a cleared snapshot need not be believed in. */
  live: boolean;
  /** Whether proofs are asked for though everything is read, because they may tell which of two ends is wrong. */
  repairs: boolean;
  history: Pick<History, 'unsynced'>;
  /** Told what of the ledger cannot be used. */
  note: (text: string) => void;
}

/** What was compared of a file: by the hashes of blocks, or by another digest of everything. */
export type Compared = DigestedPair & Partial<Pick<ProvedPair, 'reads' | 'proof' | 'differingAt'>>;

/** What is known of files that are set aside. */
export interface KnownFiles {
  of(group: FilesAside): ProvablePair[];
  close(): void;
}

/** What is lost of the work when a machine crashes. */
const SYNC_EVERY_MS = 5_000;

export class Proofs {
  readonly incremental: boolean;
  /** What is counted from `begin` on. */
  counted = nothingRead();
  readonly #options: ProofsOptions;
  #identity = '';
  #beganMs = 0;
  #syncedMs = 0;
  #reader: LedgerReader | undefined;
  #writer: LedgerWriter | undefined;
  /** For `unread`. Opened before anything is written: from then on the ledger counts as one that is still to be merged. */
  #readerOfUnread: LedgerReader | undefined;
  /** The block of both listings that is compared entry by entry now. */
  #open: { dir: EntryKey; entries: number; sourceLine: Uint8Array; localLine: Uint8Array } | undefined;

  constructor(options: ProofsOptions) {
    this.#options = { ...options, note: eachOnce(options.note) };
    this.incremental = options.incremental;
  }

  /** Begins a sweep, or begins it again. Throws `refused` for an agent that is older than the ledger, and `local`. */
  async begin({ agentId, features }: ListingHeader): Promise<void> {
    if (this.incremental && !(features.includes('ctimes') && features.includes('blocks')))
      throw new LmError(
        'no-proof',
        'the lm at the source is too old to tell which of its files an earlier read has proved',
        {
          hint: 'lm verify without --incremental reads all of them; or put this version of lm there',
        },
      );
    this.close();
    this.#identity = agentId;
    this.counted = nothingRead();
    await this.#merge();
    this.#beganMs = Date.now();
    this.#syncedMs = performance.now();
    this.#reader = this.#openReader();
    if (this.incremental && this.#options.repairs) this.#readerOfUnread = this.#openReader();
    this.#writer = openLedgerWriter(this.#options.dir, agentId, this.#options.note);
  }

  /** Whether both lines are those of a block that is proved as a whole; then the block of the source is accepted, and counted. */
  takes(source: ListedBlock, local: WalkedBlock, owners: boolean): boolean {
    this.#open = undefined;
    const { sum } = local;
    if (!source.line) return false;
    if (this.incremental) {
      const sealed = this.#reader!.sealFor(sum.dir, source.line, local.line);
      const holds = sealed && this.#unsyncedSince(sealed.oldestMs).length === 0;
      if (holds && source.takeIfSame?.(local, owners)) {
        this.#countEarlier(sealed.files, sealed.bytes, sealed.oldestMs);
        return true;
      }
    }
    this.#open = { dir: sum.dir, entries: sum.entries, sourceLine: source.line, localLine: local.line };
    return false;
  }

  /** Called with what was compared after `takes`, if neither an entry nor an attribute differs: the next sweep may accept the block. */
  claim(dir: EntryKey, pairs: readonly Pair[]): void {
    const open = this.#open;
    this.#open = undefined;
    if (open?.dir === dir && open.entries === pairs.length) this.#claim(open, pairs);
  }

  #claim(block: Omit<BlockClaim, 'names' | 'states'>, pairs: readonly Pair[]): void {
    const names: string[] = [];
    let states = '';
    for (const { source, local } of pairs) {
      if (source?.kind !== 'file') continue;
      const state = stateOfBoth(source, local!);
      if (state === undefined) return;
      names.push(source.name);
      states += statedText(source.name, state);
    }
    this.#writer!.claim({ ...block, names: JSON.stringify(names), states: textHash(states) });
  }

  /** Whether nothing of the file has to be read. Counts it, or that its proof is lost. */
  isProved(dir: EntryKey, source: Entry, local: Entry): boolean {
    if (!this.incremental) return false;
    const proof = this.#reader!.proofOf(dir, source.name);
    if (!proof) return false;
    const received = proof.proved === 'received'; // and never read here: nothing can be lost here
    const [there, here] = [
      standingOfEntry(proof.source, source),
      received ? 'unchanged' : standingOfEntry(proof.local, local),
    ];
    const isUnlinked = there === 'ctime' && this.#believesUnlinked(dir, proof, source);
    if ((there === 'unchanged' || isUnlinked) && here === 'unchanged') {
      if (received || this.#isUnsynced(local, proof)) return false;
      this.#countEarlier(1, Number(source.size), proof.atMs);
      if (isUnlinked) {
        this.counted.unlinked ??= { entries: 0, bytes: 0 };
        add(this.counted.unlinked, source);
      }
      return true;
    }
    const { lost } = this.counted;
    add(lost, source);
    if (there === 'ctime') lost.byCtime.atSource++;
    if (here === 'ctime') lost.byCtime.here++;
    return false;
  }

  /** Opens what is known of files; to be asked in the order of the listings. Where everything is read, it is known only for a repair. */
  openKnown(): KnownFiles {
    const reader = this.incremental || this.#options.repairs ? this.#openReader() : undefined;
    return {
      of: ({ dir, pairs, block }) => {
        if (block) this.#claim({ dir, sourceLine: block.source, localLine: block.local }, pairs);
        if (!reader) return [...pairs];
        return pairs.map((pair) => {
          const proof = reader.proofOf(dir, pair.source.name);
          return this.incremental ? this.#provable(pair, proof) : { ...pair, proof };
        });
      },
      close: () => reader?.close(),
    };
  }

  /** Files whose ctime here is later might be changed again without another ctime. Milliseconds since the epoch. */
  get settledMs(): number {
    return this.#beganMs - SETTLE_MS;
  }

  /** Keeps what one digest has proved of all files of a block. */
  learnBlock({ source, local, bytes }: BlockAside, { dir, files, direct, stamps }: LineAnswer): void {
    const { readHere, readAtSource } = this.counted;
    for (const share of [readHere, readAtSource]) {
      share.entries += files;
      share.bytes += bytes;
    }
    readHere.direct += direct;
    if (!stamps) return;
    const { rows, names, states } = stamps;
    if (rows !== '') this.#writer!.stamp(dir, rows);
    this.#writer!.claim({ dir, sourceLine: source, localLine: local, names, states });
    this.#syncInTime();
  }

  /** Both ends of a file that was proved, and so not read; to be called in the order of the listings. */
  unread(dir: EntryKey, name: string): PairOfFiles | undefined {
    const proof = this.#readerOfUnread?.proofOf(dir, name);
    return proof && { dir, source: entryIn(name, proof.source), local: entryIn(name, proof.local) };
  }

  #provable(pair: PairOfFiles, proof: Proof | undefined): ProvablePair {
    return { ...pair, proof, ...(proof && this.#isUnsynced(pair.local, proof) && { rereads: 'local' }) };
  }

  /** Keeps what a comparison has proved, and drops what it has disproved. */
  learn(pair: ProvablePair, compared: Compared): void {
    const { dir, source, local, proof } = pair;
    const { equal, reads = BOTH } = compared;
    const { readHere, readAtSource } = this.counted;
    if (reads.source) add(readAtSource, source);
    if (reads.local) add(readHere, local);
    if (reads.local && 'digest' in compared.local && compared.local.read === 'direct') readHere.direct++;
    if (proof && !(reads.source && reads.local)) this.#useOf(proof.atMs);
    const stamp = this.incremental ? undefined : this.#stampFor(pair, compared);
    if (compared.proof) this.#writer!.add(dir, source.name, compared.proof);
    else if (stamp !== undefined) this.#writer!.stamp(dir, stamp);
    else if ((proof || !this.incremental) && !equal && 'digest' in compared.source && 'digest' in compared.local)
      this.#writer!.drop(dir, source.name);
    this.#syncInTime();
  }

  #syncInTime(): void {
    if (performance.now() - this.#syncedMs < SYNC_EVERY_MS) return;
    this.#writer!.sync();
    this.#syncedMs = performance.now();
  }

  /** What a repair has received, and proved. */
  received(dir: EntryKey, name: string, proof: Proof): void {
    this.#writer!.add(dir, name, proof);
  }

  /** After the last file: what was learnt goes into the ledger. Throws `local`. */
  async end(): Promise<void> {
    this.close();
    await this.#merge();
  }

  /** Keeps what was learnt so far for the next run. Throws `local`. */
  close(): void {
    this.#reader?.close();
    this.#readerOfUnread?.close();
    this.#reader = this.#readerOfUnread = undefined;
    this.#writer?.close();
    this.#writer = undefined;
  }

  async #merge(): Promise<void> {
    const { dir, spool, note } = this.#options;
    await mergeLedger(dir, spool, this.#identity, note);
  }

  #openReader(): LedgerReader {
    const { dir, note } = this.#options;
    return openLedger(dir, this.#identity, note);
  }

  /**
   * Whether a name that the source's file has lost is why its ctime has moved. Not of files that are written in place, which may be hard links
   * of one another, and whose times a mapped write need not move. The proof stays as it is, so that a live verification reads the file again.
   */
  #believesUnlinked(dir: EntryKey, { source: then }: Proof, source: Entry): boolean {
    const now = validatorsOf(source);
    return !this.#options.live && !IN_PLACE.test(dir) && now !== undefined && hasLostName(then, now);
  }

  /** Another digest than those of blocks: the two files are equal, and of the source's those of blocks may be known. */
  #stampFor({ source, local }: PairOfFiles, { equal, young, local: answer }: Compared): string | undefined {
    const state = equal && !young ? stateOfBoth(source, local) : undefined;
    if (state === undefined || msOf(local.ctimeNs!) > this.settledMs) return undefined;
    const proved = 'digest' in answer ? answer.read : undefined;
    return stampText(source.name, state, proved ?? 'cached', Date.now());
  }

  /** A read before the machine crashed may have been one of memory. */
  #isUnsynced({ ctimeNs }: Entry, { atMs }: Proof): boolean {
    return ctimeNs !== undefined && mayBeUnsynced({ unsynced: this.#unsyncedSince(atMs) }, msOf(ctimeNs));
  }

  /** The periods of writing that a read at that time says nothing about. */
  #unsyncedSince(atMs: number): History['unsynced'] {
    return this.#options.history.unsynced.filter(({ toMs }) => toMs === null || atMs <= toMs);
  }

  #countEarlier(files: number, bytes: number, oldestMs: number): void {
    this.counted.earlier.entries += files;
    this.counted.earlier.bytes += bytes;
    if (files > 0) this.#useOf(oldestMs);
  }

  #useOf(atMs: number): void {
    this.counted.oldestMs = Math.min(this.counted.oldestMs ?? atMs, atMs);
  }
}

const BOTH = { source: true, local: true };

const IN_PLACE = new RegExp(`^(${HOT_TYPES.join('|')})/`);

const add = (share: { entries: number; bytes: number }, { size }: Entry): void => {
  share.entries++;
  share.bytes += Number(size);
};
