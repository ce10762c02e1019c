// Finds out which user runs this process, once for the whole command.

import { geteuid, umask } from 'node:process';
import type { Io } from '../io.js';
import type { User } from '../migration/user.js';

/** Call it before any thread creates a file: reading the umask sets it to 0 for a moment (umask(2)). */
export const thisUser = ({ env }: Pick<Io, 'env'>): User => ({
  uid: geteuid!(),
  umask: umask(),
  home: env['HOME'],
  env,
});
