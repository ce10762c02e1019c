// Refuses to forget a migration while its pair of hosts is in the migration map.

import { LmError } from '../../errors.js';
import type { Stated } from '../../settings/stated.js';

/** While the map has the pair, a copy that is started by habit would begin as a first one. Throws `refused`. */
export function refuseIfInMap({ migration }: Pick<Stated, 'migration'>, command: string): void {
  if (!migration?.pair) return;
  const { source, destination } = migration.pair;
  throw new LmError(
    'migration-map',
    `this host is still in migration_map (${migration.where}): ${source} to ${destination}`,
    {
      hint: `take the pair out of the map, then run ${command} again`,
    },
  );
}
