// What becomes of a guard's objection: it ends a run; a dry run tells of it and goes on, so that one look shows every guard that is
// in the way.

import { LmError } from '../../errors.js';
import type { Emit } from '../../events.js';

/** Throws what it is given, unless this is a dry run. */
export type Objection = (error: LmError) => void;

export const refusing: Objection = (error) => {
  throw error;
};

/** For a dry run; `refuses` takes what is told of. */
export const telling =
  (emit: Emit, refuses: string[]): Objection =>
  ({ message, details, hint }) => {
    refuses.push(message);
    emit({
      type: 'warning',
      text: `a real run would refuse: ${message}`,
      ...(details.length > 0 && { details }),
      ...(hint && { hint }),
    });
  };

/** For a guard that throws: what it refuses, a lack of space among it, is objected to; what it could not find out is thrown on. */
export async function objecting(guard: Promise<void>, object: Objection): Promise<void> {
  try {
    await guard;
  } catch (error) {
    if (!(error instanceof LmError) || (error.code !== 'refused' && error.code !== 'local')) throw error;
    object(error);
  }
}
