// The limit of an agent: by the clock where it is a timetable, and read again from the settings file on SIGHUP.

import { LmError, printable } from '../errors.js';
import type { Emit } from '../events.js';
import { limitText } from '../migration/limit/limit-text.js';
import { createLiveLimit, type LiveLimit } from '../pace/live-limit.js';
import { type LocalPace, startLocalPace } from '../pace/local-pace.js';
import { noPressureText } from '../pace/no-pressure.js';
import type { RateLimit } from '../pace/rate-limit.js';
import { readingPace } from '../settings/checks/reading-pace.js';
import { readSettingsFile } from '../settings/file.js';
import type { ServeSettings } from '../settings/settings.js';
import type { Stated } from '../settings/stated.js';
import type { Reloaded } from './credentials.js';

export interface AgentLimit {
  live: LiveLimit;
  /** For people; undefined where there is no limit. */
  text(): string | undefined;
  /** Reads the settings file again, if the agent was started with one; flags and variables win over it as before. Throws `usage`. */
  reload(): Reloaded[];
  close(): void;
}

/** How soon a timetable's next rate holds. */
const LOOK_MS = 1_000;

/** `stated`: what the agent was started with. */
export function startAgentLimit(limit: RateLimit | undefined, stated: Stated, emit: Emit): AgentLimit {
  const live = createLiveLimit(limit);
  const timer = setInterval(() => {
    if (live.look())
      emit({ type: 'limit', by: 'clock', bytesPerSecond: live.now() ?? null, text: limitText(live.stated()) });
  }, LOOK_MS).unref();
  return {
    live,
    text: () => (live.stated() ? limitText(live.stated()) : undefined),
    reload() {
      if (stated.file === undefined) return [];
      const fresh = limitIn(stated, stated.file);
      const isNew = fresh?.text !== live.stated()?.text;
      if (isNew) live.state(fresh);
      return [{ part: 'limit', isNew, text: limitText(fresh) }];
    },
    close: () => clearInterval(timer),
  };
}

function limitIn({ layers }: Stated, file: string): RateLimit | undefined {
  const read = readSettingsFile(file);
  if (!read) throw new LmError('settings-file', `no file ${printable(file)}`);
  const [flags, environment, , remembered, derived] = layers;
  return readingPace([flags, environment, read.layer, remembered, derived]).limitRate;
}

/** One limit for all that the agent does with its disks, whether it sends what it reads or only hashes it. */
export function startPace(
  { live }: AgentLimit,
  { yieldToIo, yieldFloor }: ServeSettings,
  warn: (text: string) => void,
): LocalPace {
  const pace = startLocalPace({ limit: live, yieldFloor: yieldToIo ? yieldFloor : undefined });
  const state = pace.yielding?.state();
  if (state && 'why' in state) warn(noPressureText('--yield-to-io has no effect here', state.why, live.now()));
  return pace;
}
