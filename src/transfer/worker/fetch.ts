// Declares how a unit is fetched and reported, for any kind of source. transfer/worker/fetchers.ts has the implementations.

import type { FileFailure } from '../../digest/listed-file.js';
import type { WorkerFault } from '../../source/failure.js';
import type { AnsweredBlock } from '../../wire/pages/pages-answer.js';
import type { BlockRun } from '../../wire/pages/pages-request.js';
import type { Seal } from '../../wire/range-seals.js';
import type { WantedFile } from '../worker-jobs.js';
import type { Slot } from './exchange.js';

/** Receives the files of a fetch, in order. */
export interface FetchSink {
  /** The next bytes of a file; `position` counts from where its fetch began. */
  bytes(file: WantedFile, chunk: Uint8Array, position: number): void;
  /**
   * All its bytes have come, and are the source's. `young`: whether it was when it was read; undefined where the source does not report it.
   * `blocks`: the XXH64 of each MiB, valid during the call only; undefined where the source sent none, or they have been reported.
   */
  whole(file: WantedFile, young: boolean | undefined, blocks?: Uint8Array): void;
  /** `side`: whose disk had the problem, where that is known. */
  problem(file: WantedFile, result: FileFailure, message: string, side?: 'source'): void;
  /** The bytes of this file that have come are to be discarded. */
  forget(file: WantedFile): void;
}

/** Receives a range. */
export interface RangeSink extends FetchSink {
  /** So many zeros that the source's file does not store. */
  hole(bytes: number, position: number): void;
  /**
   * All bytes up to `position` are the source's, whatever happens to the rest. `ctimeNs` is that of the source's file when it was opened for the
   * range; `digest`, valid during the call only, is the XXH64 of the last block. Only agents that seal blocks report this.
   */
  proved(position: number, state: { young: boolean; ctimeNs: string }, digest: Uint8Array): void;
  /** All bytes of the range have come, if the request is for torn ones too, but those that were not proved may be of any state of the file. */
  torn(): void;
}

/** Receives the seals of a range, without its bytes. */
export interface SealsSink extends Pick<FetchSink, 'problem'> {
  seals(seals: readonly Seal[], ctimeNs: string): void;
}

/** Receives the pages of blocks that differ. */
export interface PagesSink extends Pick<FetchSink, 'problem'> {
  /** The first of the requested blocks, one at least, as the source has them. `ctimeNs` is that of its file when it was opened for them. */
  blocks(blocks: readonly AnsweredBlock[], ctimeNs: string): void;
  /** Bytes of their pages; `position` is that in the file. `chunk` is valid during the call only. */
  bytes(chunk: Uint8Array, position: number): void;
}

/** All methods resolve to the fault that cut them short, if any, and throw `local` and `protocol`. */
export interface Fetcher {
  files(slot: Slot, files: readonly WantedFile[], sink: FetchSink): Promise<WorkerFault | undefined>;
  range(slot: Slot, file: WantedFile, range: Range, sink: RangeSink): Promise<WorkerFault | undefined>;
  /** Calls nothing of `sink` where the source has no seals. */
  seals(slot: Slot, file: WantedFile, range: Range, sink: SealsSink): Promise<WorkerFault | undefined>;
  /** `hashes`: of the pages of these blocks as they are here. Of a source that `sendsPages`. */
  pages?(
    slot: Slot,
    file: WantedFile,
    here: { runs: readonly BlockRun[]; hashes: Uint8Array; torn: boolean },
    sink: PagesSink,
  ): Promise<WorkerFault | undefined>;
}

/** In bytes of the file. */
export interface Range {
  offset: number;
  length: number;
  /** See `RangeRequest`. A Sidecar has no such thing. */
  torn?: true;
}
