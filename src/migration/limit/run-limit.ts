// The limit of one run: what it was started with, by the clock, until an operator asks for another with `lm limit`.

import { knownError } from '../../errors.js';
import type { Emit } from '../../events.js';
import { createLiveLimit, type LiveLimit } from '../../pace/live-limit.js';
import type { RateLimit } from '../../pace/rate-limit.js';
import { parseRateLimit } from '../../settings/values/rate-limit.js';
import { readLimitRequest } from '../../state/lock/limit-request.js';
import type { LimitState } from '../../state/lock/run-progress.js';
import { limitText } from './limit-text.js';

export interface RunLimit {
  live: LiveLimit;
  /**
   * For the status at the lock, nothing before `start` and after `stop`. Whoever asks for it may have left a request, so that is looked for
   * first.
   */
  status(): { limit?: LimitState };
  /** From now on the limit follows the clock, and requests are taken. */
  start(emit: Emit): void;
  stop(): void;
}

/** How soon a timetable's next rate holds. */
const LOOK_MS = 1_000;

/** `dir`: where requests are left; undefined for a dry run, which has no records and takes none. */
export function createRunLimit(stated: RateLimit | undefined, run: string, dir: string | undefined): RunLimit {
  const live = createLiveLimit(stated);
  let emit: Emit | undefined;
  let taken: string | undefined;
  let timer: NodeJS.Timeout | undefined;

  const say = (by: 'start' | 'clock' | 'operator'): void =>
    emit?.({ type: 'limit', by, bytesPerSecond: live.now() ?? null, text: limitText(live.stated()) });

  function followClock(): void {
    clearInterval(timer);
    if (live.stated()?.zone === undefined) return;
    timer = setInterval(() => {
      if (live.look()) say('clock');
    }, LOOK_MS).unref();
  }

  function take(dir: string, emit: Emit): void {
    try {
      const request = readLimitRequest(dir);
      if (!request || request.run !== run || request.id === taken) return;
      taken = request.id;
      const limit = request.limit === null ? stated : parseRateLimit(request.limit);
      if (request.limit !== null && !limit) return; // of another version of lm, whose command says that nothing came of it
      live.state(limit);
      followClock();
      say('operator');
    } catch (error) {
      emit({
        type: 'warning',
        text: `what lm limit has asked for cannot be read: ${knownError(error)?.message ?? error}`,
      });
    }
  }

  return {
    live,
    status() {
      if (!emit || dir === undefined) return {};
      take(dir, emit);
      const bytesPerSecond = live.now();
      return {
        limit: {
          run,
          text: limitText(live.stated()),
          ...(bytesPerSecond !== undefined && { bytesPerSecond }),
          ...(taken !== undefined && { request: taken }),
        },
      };
    },
    start(given) {
      emit = given;
      followClock();
      if (stated?.zone !== undefined) say('start');
    },
    stop() {
      clearInterval(timer);
      emit = undefined;
    },
  };
}
