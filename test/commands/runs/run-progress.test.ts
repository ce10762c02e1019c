import { expect, test } from '@jest/globals';
import { followRun } from '../../../src/commands/runs/run-progress.js';

const NOTHING = { entries: 0, bytes: 0 };

test('has the phase and its progress, from the start of the run', () => {
  let nowMs = 1_000;
  const follower = followRun(() => nowMs);
  expect(follower.now()).toBeUndefined();
  follower.listen({ type: 'run-started', run: 'r', command: 'copy', source: 's', roots: [] });
  follower.listen({ type: 'phase', iteration: 1, state: 'DOWNLOADING' });
  expect(follower.now()).toEqual({ run: 'r', state: 'DOWNLOADING', iteration: 1, sinceMs: 1_000 });
  const progress = { type: 'progress', iteration: 1, doing: 'download', bytesTotal: 500, filesTotal: 2 } as const;
  follower.listen({ ...progress, bytesDone: 0, filesDone: 0 });
  nowMs += 2_000;
  follower.listen({ ...progress, bytesDone: 100, filesDone: 1 });
  expect(follower.now()).toMatchObject({ bytesDone: 100, bytesTotal: 500, filesDone: 1, bytesPerSecond: 50 });
  follower.listen({ type: 'phase', iteration: 2, state: 'LISTING' });
  expect(follower.now()).toEqual({ run: 'r', state: 'LISTING', iteration: 2, sinceMs: 1_000 });
  const forecast = { ...{ atMs: 0, copyMs: 40, verifyMs: 2, parts: [] }, fetch: NOTHING, read: NOTHING };
  follower.listen({ type: 'forecast', iteration: 2, forecast });
  expect(follower.now()).toMatchObject({ state: 'LISTING', downtimeMs: 42 });
  nowMs += 60_000;
  follower.listen({ type: 'post-check-began', command: 'sstableverify' });
  expect(follower.now()).toEqual({ run: 'r', state: 'POST_CHECK', iteration: 2, sinceMs: nowMs, downtimeMs: 42 });
});
