// A run as its command shows it: what it tells is rendered, and kept for `lm status`. Knows neither copy nor verification.

import type { Event } from '../events.js';
import type { Io } from '../io.js';
import type { Listener } from '../migration/listener.js';
import { createRenderer } from '../render/create-renderer.js';
import type { CommonSettings } from '../settings/settings.js';
import { followRun } from './run-progress.js';

/** Resolves and rejects as `run` does, when all that it told has been rendered. */
export async function showRun<T>(
  settings: CommonSettings,
  io: Io,
  run: (listener: Required<Listener>) => Promise<T>,
): Promise<T> {
  const renderer = createRenderer({ ...settings, ...io });
  const follower = followRun();
  const says = () => ({ progress: follower.now() });
  const emit = (event: Event): void => {
    follower.listen(event);
    if (event.type === 'run-started') io.begun?.(event.run);
    renderer.emit(event);
  };
  try {
    return await run({ emit, says, signal: io.signal });
  } finally {
    renderer.close();
  }
}
