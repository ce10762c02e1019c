// What a copy makes of the source's SSTables, pass after pass; the source is a stand-in.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createSSTableGuard } from '../../../src/copy/guards/sstables.js';
import type { LmError } from '../../../src/errors.js';
import type { Event } from '../../../src/events.js';
import type { Plan } from '../../../src/plan/plan.js';
import type { Source, SourceDigest } from '../../../src/source/source.js';
import { Spool } from '../../../src/spool/spool.js';
import type { JournalRecord } from '../../../src/state/journal/records.js';
import { fileEntry } from '../../support/entries.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lm-sstable-guard-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

let plans = 0;

/** Fetches these, and a component that is no Data.db. */
function planOf(...names: string[]): Plan {
  const spool = (entries: string[]): Spool => {
    const made = new Spool(join(dir, `${++plans}`), { entries: 2, bytes: Number.POSITIVE_INFINITY });
    for (const name of entries) made.add('data/0/ks/t', fileEntry(name, { size: '10' }));
    return made.finish();
  };
  const [first, ...rest] = names.map((name) => `${name}-big-Data.db`);
  return {
    spools: { big: spool(first ? [first] : []), bundle: spool([...rest, 'nb-1-big-Index.db']) },
  } as unknown as Plan;
}

type Answer = Omit<SourceDigest, 'index'>;
const answer = (stated: string | null, missing: string[] = []): Answer => ({
  digest: 'd',
  sstable: { crc32: 7, stated, missing },
});

function guarded(answers: Record<string, Answer>, { isAllowed = true, checksSSTables = true } = {}) {
  const seen = {
    requests: [] as string[][],
    events: [] as Event[],
    records: [] as JournalRecord[],
    refused: [] as LmError[],
  };
  const source = {
    url: 'http://s',
    checksSSTables,
    async *digests(_: string, files: { key: string }[]) {
      seen.requests.push(files.map(({ key }) => key.split('/').at(-1)!.split('-big-')[0]!));
      for (const [index, { key }] of files.entries()) {
        const name = key.split('/').at(-1)!.split('-big-')[0]!;
        yield [{ index, ...answers[name]! } as SourceDigest];
      }
    },
  } as unknown as Source;
  const guard = createSSTableGuard({
    ...{ source, isAllowed, signal: new AbortController().signal },
    journal: { append: (record) => seen.records.push(record) },
    emit: (event) => seen.events.push(event),
    object: (error) => seen.refused.push(error),
  });
  const warnings = () => seen.events.flatMap((event) => (event.type === 'warning' ? [event.text] : []));
  return { guard, seen, warnings };
}

test('what two passes find is counted once, recorded, and said when it is new', async () => {
  const { guard, seen, warnings } = guarded({
    ...{ 'nb-1': answer('7'), 'nb-2': answer('8'), 'nb-3': answer(null), 'nb-4': answer('7', ['Index.db']) },
    'nb-5': { result: 'vanished', message: 'no longer there' } as Answer,
  });
  await guard.check(planOf('nb-1', 'nb-2', 'nb-3'), 0);
  await guard.check(planOf('nb-2'), 1); // it could not be fetched
  await guard.check(planOf(), 2);
  await guard.check(planOf('nb-4', 'nb-5'), 3);
  expect(seen.requests).toEqual([['nb-1'], ['nb-2', 'nb-3'], ['nb-2'], ['nb-4'], ['nb-5']]);
  expect(guard.found()).toMatchObject({
    ...{ checked: 4, unchecked: 1, damagedAtSource: 1, incompleteAtSource: 1 },
    firstAtSource: ['data/0/ks/t/nb-2-big-Data.db', 'data/0/ks/t/nb-4-big-Data.db'],
  });
  expect(warnings()).toEqual(['1 SSTable is damaged at the source', '2 SSTables are damaged at the source']);
  expect(seen.records).toEqual([1, 2].map((damagedAtSource) => ({ type: 'sstables', damagedAtSource, all: false })));
  expect(seen.refused).toEqual([]);
});

test('without the waiver it is refused, and nothing recorded', async () => {
  const { guard, seen, warnings } = guarded({ 'nb-1': answer('8') }, { isAllowed: false });
  await guard.check(planOf('nb-1'), 0);
  expect(seen.refused.map(({ code, message }) => `${code}: ${message}`)).toEqual([
    'refused: 1 SSTable is damaged at the source',
  ]);
  expect([seen.records, warnings()]).toEqual([[], []]);
});

test.each([
  ['a Sidecar, which is not asked', { checksSSTables: false }, 0],
  ['an older agent, which is asked of one file', {}, 1],
])('%s: said once', async (_, source, requests) => {
  const { guard, seen, warnings } = guarded({ 'nb-1': { digest: 'd' }, 'nb-2': { digest: 'd' } }, source);
  await guard.check(planOf(), 0);
  expect(warnings()).toEqual([]);
  await guard.check(planOf('nb-1', 'nb-2'), 1);
  await guard.check(planOf('nb-1', 'nb-2'), 2);
  expect(seen.requests).toHaveLength(requests);
  expect(warnings()).toEqual(['http://s cannot check its SSTables: it is a Sidecar or an older lm serve']);
  expect(guard.found()).toBeUndefined();
});
