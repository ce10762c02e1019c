// Runs the command of --post-check on what a copy or a verification has left, once that has succeeded and is recorded. How the command ends
// takes nothing of that back.

import type { Emit } from '../events.js';
import type { Roots } from '../files/roots.js';
import { runOwnCheck, sourceOf } from '../guards/own-checks.js';
import type { CheckReport } from '../report/parts.js';
import type { FromSource } from '../settings/settings.js';
import type { Journal } from '../state/journal/journal.js';
import type { User } from './user.js';

interface PostCheckOptions {
  settings: Pick<FromSource, 'url'> & { postCheck: string };
  roots: Roots;
  user: Pick<User, 'env'>;
  run: string;
  /** What has succeeded: `the copy`. */
  what: string;
  iteration: number;
  threshold: number;
  journal: Pick<Journal, 'append'>;
  emit: Emit;
  signal: AbortSignal;
}

/** Throws the reason of an abort, which ends the command, and `local` when there is no shell. */
export async function runPostCheck(options: PostCheckOptions): Promise<CheckReport> {
  const { settings, roots, user, run, what, iteration, threshold, journal, emit, signal } = options;
  const { url, postCheck: command } = settings;
  emit({ type: 'post-check-began', command });
  journal.append({ type: 'post-check', run, command }); // first: one that is stopped has proved nothing
  try {
    const about = { command, env: user.env, ...sourceOf(url), roots, iteration, threshold };
    const check = await runOwnCheck(about, signal);
    journal.append({ type: 'post-check', run, command, check });
    emit({ type: 'checked', which: 'post-check', iteration, check });
    return check;
  } catch (error) {
    const text = `${what} has succeeded and is recorded; its post-check did not end`;
    emit({ type: 'warning', text, hint: 'lm verify runs the post-check again' });
    throw error;
  }
}
