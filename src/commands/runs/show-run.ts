// Shows a run, be it a copy or a verification: renders its events, and keeps its progress for `lm status`.

import type { Event } from '../../events.js';
import type { Io } from '../../io.js';
import type { Listener } from '../../migration/listener.js';
import { createRenderer } from '../../render/create-renderer.js';
import type { CommonSettings } from '../../settings/settings.js';
import type { RunProgress } from '../../state/lock/run-progress.js';
import { followRun } from './run-progress.js';

export interface RunListener extends Pick<Listener, 'emit' | 'signal'> {
  status(): { progress: RunProgress | undefined };
}

/** Resolves and rejects as `run` does, once all its events have been rendered. */
export async function showRun<T>(
  settings: CommonSettings,
  io: Io,
  run: (listener: RunListener) => Promise<T>,
): Promise<T> {
  const renderer = createRenderer({ ...settings, ...io });
  const follower = followRun();
  const status = () => ({ progress: follower.now() });
  const emit = (event: Event): void => {
    follower.listen(event);
    if (event.type === 'run-started') io.onRunStarted?.(event.run, event.source);
    renderer.emit(event);
  };
  try {
    return await run({ emit, status, signal: io.signal });
  } finally {
    renderer.close();
  }
}
