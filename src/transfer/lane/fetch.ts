// How one unit's bytes are asked for and told of, whoever the source is. Shapes only: fetchers.ts has those there are.

import type { LaneFault } from '../../source/failure.js';
import type { Seal } from '../../wire/range-seals.js';
import type { FileResult, Wanted } from '../lane-jobs.js';
import type { Slot } from './exchange.js';

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

/** What is told of a range beside. */
export interface RangeSink extends FetchSink {
  /**
   * All up to `position` is the source's, whatever comes of the rest. `ctimeNs`: the file's at the source when it was opened
   * for it. Only agents that seal blocks tell.
   */
  proved(position: number, told: { young: boolean; ctimeNs: string }): void;
}

/** What is told of a range of which only the seals were asked for. */
export interface SealsSink extends Pick<FetchSink, 'problem'> {
  seals(seals: readonly Seal[], ctimeNs: string): void;
}

/** All resolve to what cut them short, if anything, and throw `local` and `protocol`. */
export interface Fetcher {
  files(slot: Slot, files: readonly Wanted[], sink: FetchSink): Promise<LaneFault | undefined>;
  range(slot: Slot, file: Wanted, range: Range, sink: RangeSink): Promise<LaneFault | undefined>;
  /** Tells nothing where the source has no seals. */
  seals(slot: Slot, file: Wanted, range: Range, sink: SealsSink): Promise<LaneFault | undefined>;
}

/** In bytes of the file. */
export interface Range {
  offset: number;
  length: number;
}
