import { expect, test } from '@jest/globals';
import type { Slice } from '../../src/spool/spool.js';
import type { BigFile } from '../../src/transfer/parts.js';
import { inTurn } from '../../src/transfer/transfer.js';

const slice = (offset: number): Slice => ({ offset, length: 1, entries: 1, bytes: 1 });

/** Files by their number of ranges, bundles by how many; the units as `file.range@worker` and `bundle`. */
function unitsOf(ranges: number[], bundles: number, workers: number): string[] {
  const names = new Map<BigFile, number>();
  const begin = ({ offset }: Slice): BigFile => {
    const file = {
      remaining: Array.from({ length: ranges[offset]! }, (_, i) => ({ offset: i, length: 1 })),
    } as unknown as BigFile;
    names.set(file, offset);
    return file;
  };
  const slices = (count: number): Slice[] => Array.from({ length: count }, (_, i) => slice(i));
  const units: string[] = [];
  for (const unit of inTurn(slices(ranges.length), slices(bundles), workers, begin))
    units.push(
      'file' in unit
        ? `${names.get(unit.file)}.${unit.file.remaining.shift()!.offset}@${unit.worker}`
        : `bundle${unit.slice.offset}`,
    );
  return units;
}

test.each([
  ['every worker has a file of its own', [2, 2], 0, 2, ['0.0@0', '1.0@1', '0.1@0', '1.1@1']],
  ['a worker that is through takes the next file', [1, 2, 1], 0, 2, ['0.0@0', '1.0@1', '2.0@0', '1.1@1']],
  ['a worker without a file takes bundles', [3], 2, 2, ['0.0@0', 'bundle0', '0.1@0', 'bundle1', '0.2@0']],
  ['bundles alone', [], 3, 2, ['bundle0', 'bundle1', 'bundle2']],
  ['a file of which nothing is left to fetch holds nobody up', [0, 1, 0, 0, 1], 0, 1, ['1.0@0', '4.0@0']],
  ['nothing at all', [], 0, 4, []],
])('%s', (_, ranges, bundles, workers, expected) => {
  expect(unitsOf(ranges, bundles, workers)).toEqual(expected);
});

test('a file stays with the worker that began it, and every unit comes once', () => {
  const units = unitsOf([5, 1, 3, 2, 7], 4, 3);
  expect(new Set(units).size).toBe(5 + 1 + 3 + 2 + 7 + 4);
  const workers = new Map<string, Set<string>>();
  for (const unit of units.filter((u) => u.includes('@'))) {
    const [range, worker] = unit.split('@') as [string, string];
    const file = range.split('.')[0]!;
    workers.set(file, (workers.get(file) ?? new Set()).add(worker));
  }
  for (const used of workers.values()) expect(used.size).toBe(1);
});
