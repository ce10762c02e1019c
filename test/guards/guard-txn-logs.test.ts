import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { Survey } from '../../src/copy/survey-types.js';
import type { LmError } from '../../src/errors.js';
import { createTxnLogGuard } from '../../src/guards/guard-txn-logs.js';
import { sandbox } from '../support/sandbox.js';

const LOG = 'nb_txn_compaction_5c8e1e00-9d4f-11ee-8c90-0242ac120002.log';
const TABLE = 'ks/t-0a1b';

/** Two data roots here; the logs by their directory, what they name, and where the source has its roots. */
function verdict(logs: Record<string, string>, there = ['/far/0', '/far/1']) {
  const { dir } = sandbox();
  const roots = [0, 1].map((index) => ({
    key: `data/${index}`,
    type: 'data' as const,
    index,
    path: join(dir, `d${index}`),
  }));
  symlinkSync('d0', join(dir, 'link'));
  const at = (text: string): string => text.replaceAll('HERE', dir);
  for (const [where, path] of Object.entries(logs)) {
    const file = join(dir, where, LOG);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `ADD:[${at(path)},0,8][1]\nCOMMIT:[,18,0][3]\n`);
  }
  const txnLogs = Object.keys(logs).map((where) => `data/${where.slice(1)}/${LOG}`);
  const header = { roots: roots.map(({ key }, i) => ({ key, path: at(there[i]!) })) };
  const objections: LmError[] = [];
  const guard = createTxnLogGuard({
    ...{ roots, cassandra: false, isFinal: true, allowTxnLogs: false, emit() {} },
    object: (error) => void objections.push(error),
  });
  guard.prove({ txnLogs, header } as unknown as Survey);
  return {
    elsewhere: guard.found()!.elsewhere,
    refusals: objections
      .flatMap(({ details }) => details)
      .join('\n')
      .replaceAll(dir, 'HERE'),
  };
}

const right: [string, Record<string, string>, string[]?][] = [
  ['the directory it stands in', { [`d0/${TABLE}`]: `HERE/d0/${TABLE}/nb-1-big` }],
  ['that directory by way of a link', { [`d0/${TABLE}`]: `HERE/link/${TABLE}/nb-1-big` }],
  ['a file beside it, without a directory', { [`d0/${TABLE}`]: 'ma-1-big' }],
  [
    'the directory of its replica in another root',
    { [`d0/${TABLE}`]: `HERE/d1/${TABLE}/nb-1-big`, [`d1/${TABLE}`]: `HERE/d1/${TABLE}/nb-1-big` },
  ],
  ['the same directory on both hosts', { [`d0/${TABLE}`]: `HERE/d0/${TABLE}/nb-1-big` }, ['HERE/d0', 'HERE/d1']],
];
test.each(right)('a log that names %s is accepted here', (...[, logs, there]) => {
  expect(verdict(logs, there)).toEqual({ elsewhere: 0, refusals: '' });
});

const wrong: [string, Record<string, string>, string[]?][] = [
  ["the source's directory", { [`d0/${TABLE}`]: `/far/0/${TABLE}/nb-1-big` }],
  ['another table', { [`d0/${TABLE}`]: 'HERE/d0/ks/other-2c3d/nb-1-big' }],
  ['a directory below its own', { [`d0/${TABLE}`]: `HERE/d0/${TABLE}/backups/nb-1-big` }],
  ['one that begins with the same letters', { [`d0/${TABLE}`]: `HERE/d0/${TABLE}2/nb-1-big` }],
  ['another root, where no replica stands', { [`d0/${TABLE}`]: `HERE/d1/${TABLE}/nb-1-big` }],
  ['a path from wherever the node is started', { [`d0/${TABLE}`]: `${TABLE}/nb-1-big` }],
  ['a way out of its directory', { [`d0/${TABLE}`]: `HERE/d0/${TABLE}/../other/nb-1-big` }],
  [
    'what was in one root there, and is in another here',
    { [`d0/${TABLE}`]: `HERE/d1/${TABLE}/nb-1-big`, [`d1/${TABLE}`]: `HERE/d1/${TABLE}/nb-1-big` },
    ['HERE/d1', 'HERE/d0'],
  ],
];
test.each(wrong)('a log that names %s is refused, with both paths', (...[, logs, there]) => {
  const { elsewhere, refusals } = verdict(logs, there);
  expect(elsewhere).toBe(Object.keys(logs).length);
  expect(refusals).toContain(`HERE/d0/${TABLE}/${LOG}, which names ${logs[`d0/${TABLE}`]}`);
});
