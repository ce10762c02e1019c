import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { Disk, type OpenPart, partNameOf } from '../../src/disk/disk.js';
import type { Roots } from '../../src/files/roots.js';
import type { Plan } from '../../src/plan/plan.js';
import { openJournal, readJournal } from '../../src/state/journal/journal.js';
import { createPartJournal } from '../../src/state/journal/part-journal.js';
import { discardStaleParts } from '../../src/transfer/parts/stale-parts.js';
import { beginBigFile, RANGE_BYTES } from '../../src/transfer/parts.js';
import type { TransferContext } from '../../src/transfer/transfer-context.js';
import { fileEntry } from '../support/entries.js';

const BYTES = 9 * 1024 * 1024;
const entry = (name: string) => fileEntry(name, { size: `${BYTES}`, mtimeNs: '5', ino: '6' });

test('the journal forgets a part that is stale or gone', () => {
  const dir = mkdtempSync(join(tmpdir(), 'lm-stale-'));
  const roots: Roots = [{ key: 'data/0', type: 'data', index: 0, path: dir }];
  const disk = new Disk(roots, { canChown: false, umask: 0o022 });
  const state = mkdtempSync(join(tmpdir(), 'lm-stale-'));
  const journal = openJournal(state);
  const run = (): TransferContext['journal'] => createPartJournal(journal, readJournal(state, 'b').parts);
  journal.append({ type: 'run-started', run: '1', command: 'copy', boot: 'b', source: 's' });
  for (const name of ['stale', 'kept', 'gone']) {
    const { fd } = disk.createPart('data/0', name, BYTES) as OpenPart;
    const first = run();
    first.started(`data/0/${name}`, entry(name), disk.partIdOf(fd));
    first.rangeDone(`data/0/${name}`, { offset: 0, length: BYTES });
    disk.close(fd, name);
  }
  const second = run();
  expect(second.unfinished()).toEqual(['data/0/stale', 'data/0/kept', 'data/0/gone']);
  const plan = { staleParts: [{ dir: 'data/0', name: partNameOf('stale') }] } as unknown as Plan;
  discardStaleParts(plan, { disk, journal: second } as TransferContext);
  expect(existsSync(join(dir, partNameOf('stale')))).toBe(false);

  disk.discardPart('data/0', 'gone');
  const { bytesReused } = beginBigFile(disk, second, { dir: 'data/0', entry: entry('gone') }, RANGE_BYTES, 'auto');
  expect(bytesReused).toBe(0);
  const known = run();
  expect(known.unfinished()).toEqual(['data/0/kept', 'data/0/gone']);
  expect(known.known('data/0/gone')).toMatchObject({ done: [] });
  disk.forgetDirectories();
  journal.close();
  for (const path of [dir, state]) rmSync(path, { recursive: true });
});
