import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, expect, test } from '@jest/globals';
import { LineIndex } from '../../../../src/state/ledger/changes/line-index.js';
import { type DeltaLine, deltaIn, scanDelta } from '../../../../src/state/ledger/delta.js';
import { openLedgerWriter } from '../../../../src/state/ledger/writer.js';
import { type Deed, ID, instanceDir, perform, proof, removeInstanceDirs } from '../world.js';

afterAll(removeInstanceDirs);

const add = (dir: string, name: string): Deed => ({ type: 'add', dir, name, proof: proof('direct') });
const drop = (dir: string, name: string): Deed => ({ type: 'drop', dir, name });

/** Rows that follow one another in a directory share a line. `use` gets the index and the path of the delta. */
function indexed<T>(deeds: readonly Deed[], maxLines: number, use: (index: LineIndex, path: string) => T): T {
  const { dir } = instanceDir();
  const writer = openLedgerWriter(dir, ID);
  for (const deed of deeds) perform(writer, deed);
  writer.close();
  const fd = openSync(deltaIn(dir), 'r');
  try {
    const index = new LineIndex(fd, maxLines);
    scanDelta(
      fd,
      ID,
      (line, place) => index.add(line, place),
      () => index.clear(),
    );
    return use(index, deltaIn(dir));
  } finally {
    closeSync(fd);
  }
}

const namesOf = (line: DeltaLine): string[] =>
  line.type === 'add' ? line.rows.map(([name]) => name) : line.type === 'drop' ? [line.name] : [];

test('lines come back in the order of a listing, whole', () => {
  const deeds = [add('data/0/b', 'x'), add('data/0/b', 'y'), drop('data/0/b', 'a'), add('data/0/a', 'z')];
  const found = indexed(deeds, 3, (index) => [index.sort({ mayOverlap: false }), [...index.lines()].map(namesOf)]);
  expect(found).toEqual([true, [['z'], ['a'], ['x', 'y']]]);
});

test.each<[string, Deed[], boolean]>([
  ['apart', [add('data/0/a', 'a'), drop('data/0/b', 'a')], true],
  ['of one file', [add('data/0/a', 'a'), drop('data/0/a', 'a')], false],
  ['that meet', [add('data/0/a', 'a'), add('data/0/a', 'c'), drop('data/0/a', 'b')], false],
  ['not ascending', [add('data/0/a', 'b'), add('data/0/a', 'a')], false],
  ['more than it keeps', [drop('data/0/a', 'a'), drop('data/0/a', 'b'), drop('data/0/a', 'c')], false],
])('lines %s', (_, deeds, sorts) => {
  expect(indexed(deeds, 2, (index) => index.sort({ mayOverlap: false }))).toBe(sorts);
});

test('a line that is damaged between the two reads ends the merge', () => {
  const read = () =>
    indexed([add('data/0/a', 'a')], 10, (index, path) => {
      index.sort({ mayOverlap: false });
      writeFileSync(path, readFileSync(path, 'latin1').replace('"a"', '"b"'), 'latin1');
      return [...index.lines()];
    });
  expect(read).toThrow(expect.objectContaining({ code: 'local' }));
});
