import { expect, test } from '@jest/globals';
import { createSnapshotFiles } from '../../../src/copy/files/snapshot-files.js';
import { carryHistory, foldHistory, type Line } from '../../../src/state/journal/history.js';
import type { JournalRecord } from '../../../src/state/journal/records.js';

/** Runs of one migration, each with what the journal says of those before. */
function migration() {
  const records: JournalRecord[] = [];
  const lines = (): Line[] => records.map((record) => ({ atMs: 1, record }));
  const known = (): boolean => foldHistory(lines(), 'A').fromSnapshot === true;
  const run = (snapshot?: string) => {
    const journal = { append: (record: JournalRecord) => void records.push(record) };
    return createSnapshotFiles({ snapshot }, foldHistory(lines(), 'A'), { journal, emit: () => {} });
  };
  const pass = (files: ReturnType<typeof run>, proved: boolean) => {
    files.surveyed(proved);
    files.accept();
  };
  return { records, lines, known, run, pass };
}

test('what came from a snapshot is compared with the live directory until a survey has proved all of it', () => {
  const { records, known, run, pass } = migration();
  const warm = run('data/0');
  expect(warm.needsDigests).toBe(false);
  pass(warm, true);
  pass(warm, true);
  expect(records).toEqual([{ type: 'snapshot' }]);
  expect(warm.needsDigests).toBe(false); // a snapshot says nothing of the live directory

  const live = run();
  expect(live.needsDigests).toBe(true);
  pass(live, false);
  expect([live.needsDigests, known()]).toEqual([true, true]);
  pass(live, true);
  expect([live.needsDigests, known()]).toEqual([false, false]);

  pass(run('data/0'), true);
  expect(known()).toBe(true);
});

test('a survey that was not accepted changes nothing', () => {
  const { records, run } = migration();
  run('data/0').surveyed(true);
  expect(records).toEqual([]);
});

test('a journal that is started afresh keeps it', () => {
  const { lines, run, pass } = migration();
  pass(run('data/0'), true);
  const carried = carryHistory(lines(), 10)!.map((record) => ({ atMs: 1, record }));
  expect(foldHistory(carried, 'A').fromSnapshot).toBe(true);
});
