import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { Plan } from '../../src/plan/plan.js';
import type { Iteration } from '../../src/report/copy-report.js';
import { Contact } from '../../src/source/contact.js';
import { Spool } from '../../src/spool/spool.js';
import { noResult, type WorkerJob, type WorkerResult } from '../../src/transfer/worker-jobs.js';
import { fileEntry } from '../support/entries.js';

test('a young file is in the journal before it is published, also when its bundle was cut short', async () => {
  const built = new URL('../../dist/modules/transfer/transfer.js', import.meta.url).href;
  const { download }: typeof import('../../src/transfer/transfer.js') = await import(built);
  const dir = mkdtempSync(join(tmpdir(), 'lm-transfer-'));
  const spool = (name: string): Spool => new Spool(join(dir, name), { entries: 1000, bytes: 1 << 20 });
  const spools = { mkdir: spool('mkdir'), bundle: spool('bundle'), big: spool('big'), fix: spool('fix') };
  const entries = ['old', 'young', 'last'].map((name) => fileEntry(name));
  for (const entry of entries) spools.bundle.add('data/0', entry);
  for (const each of Object.values(spools)) each.finish();
  const young = [{ dir: 'data/0', entry: entries[1]! }];
  const none = noResult();
  const answers: WorkerResult[] = [
    {
      ...none,
      done: { entries: 1, bytes: 1 },
      young,
      finished: 2,
      fault: { kind: 'network', code: 'ECONNRESET', message: 'reset', reused: true },
    },
    { ...none, done: { entries: 1, bytes: 1 } },
    { ...none, done: { entries: 1, bytes: 1 }, finished: 3 },
  ];
  const calls: unknown[] = [];
  const iteration = { filesDownloaded: 0, bytesDownloaded: 0, downloadFailures: 0 } as Iteration;
  try {
    await download({ spools, counts: { download: { entries: 3, bytes: 3 } } } as unknown as Plan, iteration, {
      workers: {
        count: 1,
        received: () => 0,
        progress: () => ({ bytesDone: 0, filesDone: 0 }),
        startCounting() {},
        async run(job: WorkerJob) {
          calls.push(job.kind === 'publish' ? job : job.kind);
          return answers.shift()!;
        },
      },
      young: { add: (files: unknown) => calls.push(files) },
      concurrency: 1,
      source: {
        url: 'http://s',
        contact: new Contact(() => {}),
        retrying: (what: string, signal: AbortSignal) => ({ what, where: 'http://s', signal, emit() {} }),
      },
      emit() {},
      signal: new AbortController().signal,
      abort: (error: Error) => calls.push(error),
    } as unknown as Parameters<typeof download>[2]);
  } finally {
    rmSync(dir, { recursive: true });
  }
  expect(calls).toEqual(['bundle', young, { kind: 'publish', files: young }, 'bundle']);
  expect(iteration).toMatchObject({ filesDownloaded: 3, bytesDownloaded: 3 });
});
