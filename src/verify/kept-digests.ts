// Keeps the digests of a verification as a manifest, for `lm report --manifest`, where it has digested every file and found all equal.

import type { Emit } from '../events.js';
import { pathOf, type Roots } from '../files/roots.js';
import type { DigestedPair } from '../plan/digests/paired-digests.js';
import { createManifest, hasManifest, type ManifestWriter } from '../state/evidence/manifest.js';
import type { ManifestEvidence } from '../state/evidence/records.js';
import type { Verified } from './verify.js';

export interface KeptDigests {
  /** `batch` counts the batches in the order of the listing. Never throws. */
  take(batch: number, pairs: readonly DigestedPair[]): void;
  /** Replaces the manifest of an earlier verification; undefined where this one is not enough for a manifest. Never throws. */
  finish(verified: Verified): ManifestEvidence | undefined;
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
  return {
    take(batch, pairs) {
      attempt(() => {
        writer ??= createManifest(dir, spool, algorithm);
        const equal = pairs.flatMap(({ key, equal, local }) =>
          equal && 'digest' in local ? [{ path: pathOf(roots, key), digest: local.digest }] : [],
        );
        files += equal.length;
        writer.add(batch, equal);
      });
    },
    finish({ report: { state, live }, files: expected }) {
      if (!writer || state !== 'COMPLETED' || live || files !== expected) return undefined;
      const { finish } = writer;
      return attempt(() => ({ algorithm, ...finish() }));
    },
    close: () => writer?.close(),
  };
}
