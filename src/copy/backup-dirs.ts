// Opens the --backup-dir of one copy, in which each pass has a directory of its own. Refuses, before the first write, a directory that
// could not keep what is removed.

import type { Disk } from '../disk/disk.js';
import { refuseMountsBelow, tryBackup } from '../guards/guard-backup.js';
import { checkRootPaths, createRoot, resolveRoot } from '../guards/guard-roots.js';
import type { Workers } from '../transfer/workers.js';
import type { CopyMigration } from './copy-migration.js';

export interface Backups {
  /** The real path of --backup-dir, which need not exist yet. */
  path: string;
  /** Where the first pass keeps what it removes or replaces; the others have `DIR/RUN.1` and so on. */
  into: string;
  /** Makes all writers keep what this pass removes or replaces. Throws `refused` when the directory cannot keep it. */
  begin(iteration: number, writers: { workers: Workers; disk: Disk }): Promise<void>;
}

/** Undefined without --backup-dir. Throws `refused` for a directory that cannot be one; creates nothing. */
export async function openBackups({ settings, roots }: CopyMigration, run: string): Promise<Backups | undefined> {
  const { backupDir, stateDir } = settings;
  if (backupDir === undefined) return undefined;
  const { path, exists } = await resolveRoot(backupDir, '/');
  await checkRootPaths(roots, { stateDir, homes: [], backupDir: path });
  refuseMountsBelow(roots);
  const into = `${path}/${run}`;
  return {
    path,
    into,
    async begin(iteration, { workers, disk }) {
      if (iteration === 0) {
        if (!exists) await createRoot(path);
        tryBackup(path, roots);
      }
      const target = iteration === 0 ? into : `${into}.${iteration}`;
      workers.backUpInto(target);
      disk.backUpInto(target);
    },
  };
}
