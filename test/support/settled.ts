// Waits until files are no longer young: until then no read of them proves anything about a later write.

import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { SETTLE_MS } from '../../src/files/recent-changes.js';
import { until } from './holders.js';

/** By the clock of this host: below `dirs` no inode has changed for as long as lm takes a file for young. */
export async function settled(...dirs: string[]): Promise<void> {
  const newest = Math.max(...dirs.flatMap((dir) => [...pathsIn(dir)].map((path) => lstatSync(path).ctimeMs)));
  await until(() => Date.now() > newest + SETTLE_MS + 20); // the kernel's clock for files lags by a tick
}

function* pathsIn(dir: string): Generator<string> {
  yield dir;
  for (const { name, parentPath } of readdirSync(dir, { recursive: true, withFileTypes: true }))
    yield join(parentPath, name);
}
