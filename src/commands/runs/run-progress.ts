// Follows the events of a run, so that `lm status` on this host can report its progress.

import type { Emit } from '../../events.js';
import { totalMs } from '../../forecast/forecast.js';
import { Meter } from '../../render/meter.js';
import type { RunProgress } from '../../state/lock/run-progress.js';

interface Follower {
  listen: Emit;
  /** Undefined before the run has started. */
  now(): RunProgress | undefined;
}

export function followRun(now: () => number = Date.now): Follower {
  const meter = new Meter();
  let progress: RunProgress | undefined;
  let moving = false;
  return {
    listen(event) {
      if (event.type === 'run-started') progress = { run: event.run, state: 'STARTING', iteration: 0, sinceMs: now() };
      if (!progress) return;
      switch (event.type) {
        case 'phase':
          moving = false;
          progress.state = event.state;
          progress.iteration = event.iteration;
          break;
        case 'post-check-began':
          moving = false;
          progress.state = 'POST_CHECK';
          progress.sinceMs = now(); // nothing else tells of a check that hangs
          break;
        case 'planned':
          progress.matchRatio = event.matchRatio;
          break;
        case 'forecast':
          progress.downtimeMs = totalMs(event.forecast);
          break;
        case 'progress':
          moving = true;
          meter.add(event, now());
          break;
      }
    },
    now() {
      const reading = moving ? meter.read(now()) : undefined;
      if (!progress || !reading) return progress;
      const { bytesDone, bytesTotal, filesDone, filesTotal } = reading.progress;
      const { bytesPerSecond } = reading;
      const rate = bytesPerSecond === undefined ? {} : { bytesPerSecond };
      return { ...progress, bytesDone, bytesTotal, filesDone, filesTotal, ...rate };
    },
  };
}
