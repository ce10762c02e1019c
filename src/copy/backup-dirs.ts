// The --backup-dir of one copy: a directory of its own for each pass. Refuses, before the first write, what could not be kept.

import type { Disk } from '../disk/disk.js';
import { refuseMountsBelow, tryBackup } from '../guards/guard-backup.js';
import { checkRootPaths, createRoot, resolveRoot } from '../guards/guard-roots.js';
import type { Lanes } from '../transfer/lanes.js';
import type { CopyMigration } from './copy-migration.js';

export interface Backups {
  /** The real path of --backup-dir, which need not be there yet. */
  path: string;
  /** Where the first pass keeps what it removes or replaces; the others have `DIR/RUN.1` and so on. */
  into: string;
  /** From here on, all hands keep what this pass removes or replaces. Throws `refused` when they could not. */
  begin(iteration: number, hands: { lanes: Lanes; disk: Disk }): Promise<void>;
}

/** Undefined without --backup-dir. Throws `refused` for a directory that cannot be one; makes nothing. */
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
    async begin(iteration, { lanes, disk }) {
      if (iteration === 0) {
        if (!exists) await createRoot(path);
        tryBackup(path, roots);
      }
      const place = iteration === 0 ? into : `${into}.${iteration}`;
      lanes.backUpInto(place);
      disk.backUpInto(place);
    },
  };
}
