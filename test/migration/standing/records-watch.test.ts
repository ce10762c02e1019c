import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { watchRecords } from '../../../src/migration/standing/records-watch.js';
import { openInstance } from '../../../src/state/instance.js';
import { sandbox } from '../../support/sandbox.js';

/** Far longer than the test. */
const NEVER_MS = 3_600_000;
const QUIET_MS = 100;

function watched(stateDir: string, defer: (cleanup: () => void) => void) {
  const stop = new AbortController();
  const records = watchRecords(stateDir, stop.signal);
  defer(() => records.close());
  return { records, stop };
}

test('is woken by a record, by the records of another migration, and by their end', async () => {
  const { dir, defer } = sandbox();
  const stateDir = join(dir, 'not', 'yet', 'there');
  const { records } = watched(stateDir, defer);
  let changed = records.changed(NEVER_MS);
  const at = openInstance({ stateDir, role: 'destination', roots: [{ key: 'data/0', path: join(dir, 'data') }] }).dir;
  await changed;
  const deeds = [
    () => writeFileSync(join(at, 'lock.json'), '{}'),
    () => writeFileSync(join(at, 'last-copy.json'), '{}'),
    () => rmSync(at, { recursive: true }),
  ];
  for (const act of deeds) {
    for (let quiet = 0; quiet < 2; quiet++) await records.changed(QUIET_MS); // what came before is over
    changed = records.changed(NEVER_MS);
    act();
    await changed;
  }
});

test('looks again in time, and at once when it is stopped', async () => {
  const { dir, defer } = sandbox();
  const { records, stop } = watched(dir, defer);
  await records.changed(1);
  const woken = records.changed(NEVER_MS);
  stop.abort();
  await woken;
  expect(await records.changed(NEVER_MS)).toBeUndefined();
});
