// Keeps the digests of a verification as a manifest, for `lm report --manifest`, where it has digested every file and found all equal.

import { hasManifest, type ManifestAlgorithm, manifestLine } from '../digest/manifest-line.js';
import type { Emit } from '../events.js';
import { pathOf, type Roots } from '../files/roots.js';
import type { DigestedPair } from '../plan/digests/paired-digests.js';
import type { LineAnswer } from '../reading/listed-line.js';
import type { VerifyReport } from '../report/verify-report.js';
import { createManifest, type ManifestWriter } from '../state/evidence/manifest.js';
import type { ManifestEvidence } from '../state/evidence/records.js';

export interface KeptDigests {
  algorithm: ManifestAlgorithm;
  /** `batch` counts the batches in the order of the listing; what one of them comes to may come in pieces. Never throws. */
  take(batch: number, pairs: readonly DigestedPair[]): void;
  /** The same of files that are equal, as lines of the manifest. */
  takeLines(batch: number, found: Pick<LineAnswer, 'files' | 'manifest'>): void;
  /** Replaces the manifest of an earlier verification; undefined where this one is not enough for a manifest. Never throws. */
  finish(verified: { report: VerifyReport; files?: number }): ManifestEvidence | undefined;
  close(): void;
}

interface KeepOptions {
  /** The directory of the instance, and one for temporary files. */
  dir: string;
  spool: string;
  roots: Roots;
  algorithm: string;
  emit: Emit;
}

/** Undefined for an algorithm that no common tool checks. A manifest that cannot be written is a warning. */
export function keepDigests({ dir, spool, roots, algorithm, emit }: KeepOptions): KeptDigests | undefined {
  if (!hasManifest(algorithm)) return undefined;
  let writer: ManifestWriter | undefined;
  let files = 0;
  let failed = false;
  const attempt = <T>(act: () => T): T | undefined => {
    if (failed) return undefined;
    try {
      return act();
    } catch (error) {
      failed = true;
      emit({
        type: 'warning',
        text: `this verification leaves no manifest for lm report: ${(error as Error).message}`,
      });
      return undefined;
    }
  };
  const add = (batch: number, lines: string, count: number): void => {
    writer ??= createManifest(dir, spool);
    files += count;
    writer.add(batch, lines, count);
  };
  return {
    algorithm,
    take(batch, pairs) {
      attempt(() => {
        const lines = pairs.flatMap(({ key, equal, local }) =>
          equal && 'digest' in local ? [manifestLine(algorithm, local.digest, pathOf(roots, key))] : [],
        );
        add(batch, lines.join(''), lines.length);
      });
    },
    takeLines: (batch, { files: count, manifest }) => attempt(() => add(batch, manifest!, count)),
    finish({ report: { state, live }, files: expected }) {
      if (!writer || state !== 'COMPLETED' || live || files !== expected) return undefined;
      const { finish } = writer;
      return attempt(() => ({ algorithm, ...finish() }));
    },
    close: () => writer?.close(),
  };
}
