// Renders the runs of an agent's tasks, one after another, as `lm copy` and `lm verify` would. A task has no JSON summary: that is the
// agent's own last line.

import type { Event } from '../../events.js';
import type { Io } from '../../io.js';
import { createRenderer } from '../../render/create-renderer.js';
import type { CommonSettings } from '../../settings/settings.js';
import type { TaskContext } from '../../tasks/run-task.js';
import { followRun } from './run-progress.js';

export function taskReporters(settings: CommonSettings, io: Io): TaskContext['reporter'] {
  const renderer = createRenderer({ ...settings, ...io }); // one for all of them: each listens to the streams for good
  return ({ id, kind }) => {
    const follower = followRun();
    const emit = (event: Event): void => {
      follower.listen(event);
      const isEnd = event.type === 'copy-ended' || event.type === 'verify-ended';
      if (!isEnd || !settings.json) return renderer.emit(event);
      const { exitCode, message, report } = event;
      renderer.print('task-ended', { task: id, kind, exitCode, message, report }, []);
    };
    return {
      emit,
      status: () => ({ progress: follower.now() }),
      ended(error) {
        const { message: text, details, hint } = error ?? {};
        if (text !== undefined)
          emit({ type: 'warning', text: `${kind} task ${id}: ${text}`, details: details ?? [], ...(hint && { hint }) });
        renderer.close();
      },
    };
  };
}
