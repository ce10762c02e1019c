// What a ledger is after a process was killed at each system call that changes or syncs it; see killed.ts.

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from '@jest/globals';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

interface Report {
  merges: { results: { is: string; isDelta: boolean; again: boolean; leftovers: string[] }[]; trace: string[] };
  writes: { results: { atLeast: number; has: number; notes: string[] }[]; trace: string[] };
}

let report: Report;
beforeAll(() => {
  const args = ['--import', at('../../bench/typescript.js'), at('killed.ts')];
  report = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as Report;
}, 60_000);

test('a merge that is killed leaves the old ledger or the new one, and is made up for by the next', () => {
  const { results } = report.merges;
  expect(new Set(results.map(({ is }) => is))).toEqual(new Set(['old', 'new']));
  expect(results.filter(({ again, leftovers }) => !again || leftovers.length > 0)).toEqual([]);
  expect(results.filter(({ is, isDelta }) => is === 'old' && !isDelta)).toEqual([]);
});

test('a merge syncs what it has written before it takes the name, and the name before the delta goes', () => {
  const { trace } = report.merges;
  const steps = ['fsyncSync ledger.jsonl.new', 'renameSync ledger.jsonl.new', 'unlinkSync ledger.new.jsonl'];
  const [synced, renamed, removed] = steps.map((step) => trace.indexOf(step)) as [number, number, number];
  expect(trace.slice(synced, removed + 1).map((step) => step.split(' ')[0])).toEqual([
    ...['fsyncSync', 'renameSync', 'fsyncSync', 'unlinkSync'],
  ]);
  expect(renamed).toBe(synced + 1);
  expect(trace.slice(removed + 1)).toHaveLength(1); // the directory
});

test('a writer that is killed has kept what was synced, and nothing that was not written', () => {
  const { results } = report.writes;
  expect(results.filter(({ atLeast, has, notes }) => has < atLeast || notes.length > 0)).toEqual([]);
  expect(new Set(results.map(({ has }) => has)).size).toBeGreaterThan(2);
});
