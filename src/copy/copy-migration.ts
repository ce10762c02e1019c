// The migration that a copy is given, as plain data: settings, roots, records, and the user it runs as.

import type { Destination } from '../migration/destination.js';
import type { User } from '../migration/user.js';

export type CopyMigration = Destination<'copy'> & { user: User };
