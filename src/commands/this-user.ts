// Asks the process, once and for all that is run in it, as whom it runs.

import { geteuid, umask } from 'node:process';
import type { Io } from '../io.js';
import type { User } from '../migration/user.js';

/** Before any thread makes a file: to be asked for, the umask is taken away for a moment (umask(2)). */
export const thisUser = ({ env }: Pick<Io, 'env'>): User => ({
  uid: geteuid!(),
  umask: umask(),
  home: env['HOME'],
  env,
});
