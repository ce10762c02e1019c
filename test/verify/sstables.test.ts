// What both sides read of an SSTable → whose damage it is.

import { expect, test } from '@jest/globals';
import type { DigestAnswer } from '../../src/digest/digest-files.js';
import { noSSTables, type SSTableCheck } from '../../src/digest/sstable.js';
import type { Event } from '../../src/events.js';
import type { Difference } from '../../src/report/verify-report.js';
import { createSSTableJudge } from '../../src/verify/sstables.js';

const PREFIX = 'data/0/ks/t/nb-1-big-';
const KEY = `${PREFIX}Data.db`;

const read = (digest: string, but?: Partial<SSTableCheck>): DigestAnswer => ({
  digest,
  sstable: { crc32: 7, stated: '7', missing: [], ...but },
});
const BAD = { stated: '8' };
const SHORT = { missing: ['Index.db'] };
const UNTOLD: DigestAnswer = { digest: 'a' };
const LOST: DigestAnswer = { result: 'failed', message: 'EIO' };
const differs = (component: string, reason: Difference['reason'] = 'digest'): Difference => ({
  key: PREFIX + component,
  reason,
});

test.each<[what: string, source: DigestAnswer, local: DigestAnswer, differences: Difference[], found: string]>([
  ['whole', read('a'), read('a'), [], 'checked'],
  ['of nobody known', read('a', { stated: null }), read('a', { stated: null }), [], 'unchecked'],
  ['damaged there, and so here', read('a', BAD), read('a', BAD), [], 'checked damagedAtSource'],
  ['damaged there, whole here', read('a', BAD), read('b'), [differs('Data.db')], 'checked damagedAtSource'],
  ['damaged here', read('a'), read('b', BAD), [differs('Data.db')], 'checked damagedHere'],
  ['its Digest.crc32 here', read('a'), read('a', BAD), [differs('Digest.crc32')], 'checked damagedHere'],
  ['incomplete there, and so here', read('a', SHORT), read('a', SHORT), [], 'checked incompleteAtSource'],
  [
    'incomplete here',
    read('a'),
    read('a', SHORT),
    [differs('Index.db', 'not-found-at-destination')],
    'checked incompleteHere',
  ],
  ['without a component that is excluded', read('a'), read('a', { missing: ['Summary.db'] }), [], 'checked'],
  [
    'without a component that is excluded; the source does not look',
    UNTOLD,
    read('a', { missing: ['Summary.db'] }),
    [],
    'checked notAsked',
  ],
  ['without a component that is excluded; not read there', LOST, read('a', { missing: ['Summary.db'] }), [], 'checked'],
  ['not read here', read('a', BAD), LOST, [], 'checked damagedAtSource'],
  ['not read there', LOST, read('a', BAD), [], 'checked damagedHere'],
  ['read by neither', LOST, LOST, [], ''],
  ['whole; the source does not look', UNTOLD, read('a'), [], 'checked notAsked'],
  ['damaged in equal bytes; the source does not look', UNTOLD, read('a', BAD), [], 'checked damagedAtSource notAsked'],
  [
    'damaged in other bytes; the source does not look',
    UNTOLD,
    read('b', BAD),
    [differs('Data.db')],
    'checked damagedHere notAsked',
  ],
  [
    'its Digest.crc32 here; the source does not look',
    UNTOLD,
    read('a', BAD),
    [differs('Digest.crc32')],
    'checked damagedHere notAsked',
  ],
  ['incomplete; the source does not look', UNTOLD, read('a', SHORT), [], 'checked incompleteAtSource notAsked'],
  [
    'incomplete here; the source does not look',
    UNTOLD,
    read('a', SHORT),
    [differs('Index.db', 'not-found-at-destination')],
    'checked incompleteHere notAsked',
  ],
  [
    'its TOC.txt here; the source does not look',
    UNTOLD,
    read('a', SHORT),
    [differs('TOC.txt')],
    'checked incompleteHere notAsked',
  ],
  [
    'whole, beside another that differs',
    UNTOLD,
    read('a', BAD),
    [{ key: 'data/0/ks/t/nb-2-big-Digest.crc32', reason: 'digest' }],
    'checked damagedAtSource notAsked',
  ],
])('%s', (_, source, local, differences, found) => {
  const report = noSSTables();
  const events: Event[] = [];
  const judge = createSSTableJudge(report, (event) => events.push(event));
  const equal = 'digest' in source && 'digest' in local && source.digest === local.digest;
  judge.judge({ key: KEY, equal, young: false, source, local });
  judge.judge({
    key: `${PREFIX}Filter.db`,
    equal: true,
    young: false,
    source: { digest: 'f' },
    local: { digest: 'f' },
  });
  for (const difference of differences) judge.see(difference); // of other batches, which may come later
  judge.finish((key) => key === `${PREFIX}Summary.db`);
  const { askedSource, firstAtSource, ...counts } = report;
  const names = Object.entries(counts).flatMap(([name, count]) => (count === 0 ? [] : [name]));
  expect([...names, ...(askedSource ? [] : ['notAsked'])].join(' ')).toBe(found);
  const wrong = names.filter((name) => /AtSource|Here/.test(name));
  expect(events).toHaveLength(wrong.length);
  expect(firstAtSource).toEqual(found.includes('AtSource') ? [KEY] : []);
});
