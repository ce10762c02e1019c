// What a copy is about: its settings, roots and records, and as whom it runs. Plain data.

import type { Destination } from '../migration/destination.js';
import type { User } from '../migration/user.js';

export type CopyMigration = Destination<'copy'> & { user: User };
