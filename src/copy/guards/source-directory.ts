// Objects to a last pass of a source directory that other hosts may write to: which of their processes do so is not seen from here.

import { LmError, printable } from '../../errors.js';
import type { Emit } from '../../events.js';
import { isStampedByKernel } from '../../files/young.js';
import { pointsBelow, readMounts } from '../../linux/mounts.js';
import type { Objection } from '../../migration/guards/objections.js';

interface Guarded {
  allowLiveSource: boolean;
  emit: Emit;
  object: Objection;
}

/** Looks at the directory and at what is mounted below it. Times that this host's kernel does not set are those of NFS, FUSE and the like. */
export function checkRest(directory: string, { allowLiveSource, emit, object }: Guarded): void {
  const shared = [directory, ...pointsBelow(readMounts('self'), directory)].find((path) => !isStampedByKernel(path));
  if (shared === undefined) return;
  const message = `nothing here proves that the source stands still: ${printable(shared)} is of a file system that other hosts may write to`;
  if (allowLiveSource) return emit({ type: 'warning', text: `this copy need not be exact: ${message}` });
  object(
    new LmError('source-in-use', message, {
      hint: 'serve the directory with lm serve on the host that has it; or stop the service there, and give --allow-live-source',
    }),
  );
}
