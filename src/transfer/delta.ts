// Decides whether a range of a file that has an older version here is compared with that, so that only what differs is fetched, or fetched
// whole. Without a reflink a comparison costs a second reading of the version here.

import { formatBytes } from '../amounts.js';
import type { Emit } from '../events.js';
import type { Range } from './part-journal.js';

/** `never`: whole files, and nothing torn is kept. */
export type DeltaPolicy = 'auto' | 'always' | 'never';

/** Bytes of comparisons with versions that are published here, or of what was fetched instead. */
export interface DeltaCounts {
  /** Compared in place in a clone of the version here, or with the version itself. */
  cloned: number;
  /** In a clone of the source's own file, where there was one. */
  shared?: number;
  compared: number;
  /** Of the latter: what differed. */
  differing: number;
  /** Fetched whole, as that is faster. */
  whole: number;
}

export interface Delta {
  readonly policy: DeltaPolicy;
  readonly counts: DeltaCounts;
  /** Whether the next range is to be compared with the version here. */
  compares(): boolean;
  note(range: Pick<Range, 'length'>, differingBytes: number, elapsedMs: number): void;
}

/** So much is compared before anything is known. A unit of that length is measured as one of the line is. */
const SAMPLE_BYTES = 16 * 2 ** 20;

/** `lineBytesPerMs`: what a connection has received lately; undefined before it has received anything. */
export function createDelta(policy: DeltaPolicy, lineBytesPerMs: () => number | undefined): Delta {
  const counts: DeltaCounts = { cloned: 0, compared: 0, differing: 0, whole: 0 };
  let elapsedMs = 0;

  /** What differs is fetched after all, so a comparison has to be so much faster than the line. */
  function isFaster(): boolean {
    const line = lineBytesPerMs();
    if (line === undefined || counts.compared < SAMPLE_BYTES) return true;
    const comparingMs = elapsedMs / counts.compared + counts.differing / counts.compared / line;
    return comparingMs < 1 / line;
  }

  return {
    policy,
    counts,
    compares: () => policy === 'always' || (policy === 'auto' && isFaster()),
    note({ length }, differingBytes, ms) {
      counts.compared += length;
      counts.differing += differingBytes;
      elapsedMs += ms;
    },
  };
}

/** Adds to the counts of a pass, and says what was decided. */
export function reportDelta({ policy, counts }: Delta, pass: { delta?: DeltaCounts }, emit: Emit): void {
  const { cloned, shared = 0, compared, differing, whole } = counts;
  if (cloned + shared + compared + whole === 0) return;
  pass.delta = { ...counts };
  const said = [
    shared > 0 ? `${formatBytes(shared)} are clones of the source's own files` : '',
    cloned > 0 ? `${formatBytes(cloned)} of older versions here were cloned` : '',
    compared > 0
      ? `${formatBytes(compared)} compared with older versions here, ${formatBytes(differing)} differed`
      : '',
    whole > 0 ? `${formatBytes(whole)} fetched whole, as the line is faster than a comparison` : '',
  ];
  emit({ type: 'settings', text: `delta ${policy}: ${said.filter((text) => text !== '').join('; ')}` });
}
