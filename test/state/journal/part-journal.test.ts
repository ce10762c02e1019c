import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { openJournal, readJournal } from '../../../src/state/journal/journal.js';
import { createPartJournal } from '../../../src/state/journal/part-journal.js';
import type { PartJournal } from '../../../src/transfer/part-journal.js';
import { fileEntry } from '../../support/entries.js';

const KEY = 'data/0/ks/big.db';
const entry = fileEntry('big.db', { size: '300', mtimeNs: '5', ino: '6' });

test('what one run leaves of a big file, the next one knows until it has begun or ended it', () => {
  const dir = mkdtempSync(join(tmpdir(), 'lm-parts-'));
  const journal = openJournal(dir);
  journal.append({ type: 'run-started', run: '1', command: 'copy', boot: 'b', source: 's' });
  const open = (): PartJournal => createPartJournal(journal, readJournal(dir, 'b').parts);

  const first = open();
  expect(first.known(KEY)).toBeUndefined();
  first.started(KEY, entry, '77');
  first.rangeBegun(KEY, { offset: 0, length: 100 });
  first.rangeDone(KEY, { offset: 0, length: 50 });
  const blocks = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 255]);
  first.rangeDone(KEY, { offset: 50, length: 50 }, { ctimeNs: '9', young: false, blocks });
  first.rangeDone(KEY, { offset: 200, length: 50 }, { ctimeNs: '9', young: true, blocks });
  expect(first.known(KEY)).toBeUndefined(); // it is this run's own

  const known = {
    size: '300',
    mtimeNs: '5',
    ino: '6',
    partId: '77',
    done: [
      [0, 50],
      [50, 50, '9'],
    ],
    begun: [
      [0, 100],
      [200, 50],
    ],
    blocks: [{ offset: 50, blocks: Buffer.from(blocks), ctimeNs: '9' }],
  };
  const second = open();
  expect(second.known(KEY)).toEqual(known);
  second.started(KEY, entry, '78');
  expect(second.known(KEY)).toBeUndefined();
  expect(open().known(KEY)).toEqual({ ...known, partId: '78', done: [], begun: [], blocks: undefined });

  const third = open();
  third.ended(KEY);
  expect(third.known(KEY)).toBeUndefined();
  expect(open().known(KEY)).toBeUndefined();
  journal.close();
  rmSync(dir, { recursive: true });
});
