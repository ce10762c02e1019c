// Compares by digest the files of a survey whose times prove nothing, with what the ledger says of them. What must be read for real at an end
// is read there, whatever the ledger says.

import { DirCache } from '../../files/dirfd.js';
import type { Entry, EntryKey } from '../../files/entry.js';
import { joinKey } from '../../files/entry.js';
import type { Roots } from '../../files/roots.js';
import type { CheckedFiles } from '../../plan/digests/check-digests.js';
import type { PairOfFiles } from '../../plan/digests/paired-digests.js';
import type { ProvablePair, ProvedDigests } from '../../plan/digests/proved-digests.js';
import { statIn } from '../../syscalls/calls.js';
import type { Proofs } from './proofs.js';

interface ProvedFilesOptions {
  digests: ProvedDigests;
  proofs: Proofs;
  agentId: string;
  roots: Roots;
  /** What is read of a file even where its stored proof still holds. */
  rereads(key: EntryKey, source: Entry): ProvablePair['rereads'];
}

export function createProvedFiles({ digests, proofs, agentId, roots, rereads }: ProvedFilesOptions): CheckedFiles {
  return {
    async begin() {
      const ledger = await proofs.open(agentId);
      const dirs = new DirCache(roots);
      const provable = (pair: PairOfFiles): ProvablePair => {
        const { dir, source, local } = pair;
        const proof = ledger.proofOf(dir, source.name);
        const reads = rereads(joinKey(dir, source.name), source);
        const isRead = proof !== undefined && proof.proved !== 'received' && reads === undefined;
        return {
          dir,
          source,
          local: isRead ? withCtime(dirs, dir, local) : local,
          proof,
          ...(reads && { rereads: reads }),
        };
      };
      return {
        async compare(pairs, signal) {
          const asked = pairs.map(provable);
          const compared = await digests.compare(asked, signal);
          for (const [i, { dir, source, proof: stored }] of asked.entries()) {
            const { equal, proof, source: there, local: here } = compared[i]!;
            if (proof) proofs.file(dir, source.name, proof);
            else if (stored && !equal && 'digest' in there && 'digest' in here) proofs.drop(dir, source.name);
          }
          return compared;
        },
        close() {
          ledger.close();
          dirs.close();
        },
      };
    },
    bytesRead: digests.bytesRead,
  };
}

/** The walk of a copy has no ctimes, because the record of what it left here is made of its lines, and compared by these. */
function withCtime(dirs: DirCache, dir: EntryKey, local: Entry): Entry {
  try {
    const { ctimeNs, size, mtimeNs, ino } = statIn(dirs.open(dir), local.name);
    const isListed = `${size}` === local.size && `${mtimeNs}` === local.mtimeNs && `${ino}` === local.ino;
    return isListed ? { ...local, ctimeNs: `${ctimeNs}` } : local;
  } catch {
    return local; // its digest will say why
  }
}
