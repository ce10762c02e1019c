// Handles the objections of guards: an objection ends a run; a dry run reports it and goes on, so that one dry run shows every guard that
// would refuse.

import { LmError } from '../../errors.js';
import type { Emit } from '../../events.js';

/** Throws what it is given, unless this is a dry run. */
export type Objection = (error: LmError) => void;

export const refusing: Objection = (error) => {
  throw error;
};

/** Begins the warning of a dry run. */
export const WOULD_REFUSE = 'a real run would refuse: ';

/** For a dry run: emits a warning, and adds the message to `refuses`. */
export const reporting =
  (emit: Emit, refuses: string[]): Objection =>
  ({ kind, message, details, hint }) => {
    refuses.push(message);
    emit({
      type: 'warning',
      text: `${WOULD_REFUSE}${message}`,
      ...(details.length > 0 && { details }),
      ...(hint && { hint }),
      refuses: kind,
    });
  };

/** For a guard that throws: turns `refused` and `local` (too little space) into an objection; any other error is thrown on. */
export async function objecting(guard: Promise<void>, object: Objection): Promise<void> {
  try {
    await guard;
  } catch (error) {
    if (!(error instanceof LmError) || (error.code !== 'refused' && error.code !== 'local')) throw error;
    object(error);
  }
}
