import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { WalkFile } from '../../../src/spool/walk-file.js';
import {
  readInventory,
  readLines,
  readPlanned,
  recordInventory,
  recordPlanned,
  removePlanned,
} from '../../../src/state/journal/inventory.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lm-inventory-'));
  mkdirSync(join(dir, 'spool'));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** As a pass does: into the spool's place, and from there into the records. */
function record(run: string, text: string, final = false): string {
  const file = new WalkFile(join(dir, 'spool'), `${run}.walk`);
  file.add(Buffer.from(text));
  return recordInventory(dir, { run, final, within: ['data/0'], ...file.finish() });
}

test('is read as it was recorded; the one before it is gone, the walk’s own file is not', () => {
  expect(readInventory(dir, false)).toBeUndefined();
  record('one', '["data/0",[]]\n');
  const path = record('two', 'a\nb\n', true);
  expect(readInventory(dir, true)).toMatchObject({ run: 'two', final: true, within: ['data/0'], bytes: 4, path });
  expect([...readLines(path)].map(String)).toEqual(['a', 'b']);
  expect(readdirSync(dir).sort()).toEqual([path.slice(dir.length + 1), 'inventory.json', 'spool'].sort());
});

test('the next walk under the same name leaves it alone, and the same lines may be recorded anew', () => {
  record('one', 'a\n');
  const path = record('one', 'b\n');
  new WalkFile(join(dir, 'spool'), 'one.walk').close();
  const known = readInventory(dir, true);
  expect(known).toMatchObject({ path, bytes: 2 });
  expect(
    recordInventory(dir, { ...(known as Exclude<typeof known, string | undefined>), final: true, run: 'two' }),
  ).toBe(path);
  expect(readInventory(dir, true)).toMatchObject({ run: 'two', final: true, path });
});

describe('is damaged', () => {
  test.each<[string, (path: string, head: string) => void]>([
    ['when its lines are gone', (path) => rmSync(path)],
    ['when they are cut short', (path) => truncateSync(path, 3)],
    ['when there are more', (path) => appendFileSync(path, 'c\n')],
    ['when they are others', (path) => writeFileSync(path, 'a\nc\n')],
    ['when its head is gone and the journal tells of it', (_, head) => rmSync(head)],
    ['when its head is empty', (_, head) => truncateSync(head)],
    [
      'when its head leads elsewhere',
      (_, head) => writeFileSync(head, readFileSync(head, 'utf8').replace('inventory.', '../')),
    ],
  ])('%s', (_, damage) => {
    damage(record('one', 'a\nb\n'), join(dir, 'inventory.json'));
    expect(readInventory(dir, true)).toBe('damaged');
  });
});

describe('what passes were about to write', () => {
  const write = (name: string, text: string): string => {
    writeFileSync(join(dir, name), text);
    return join(dir, name);
  };

  test('adds up, and is that of one inventory', () => {
    expect([...readPlanned(dir, 'one')]).toEqual([]);
    recordPlanned(dir, 'one', [write('a', '["data/0",[1]]\n'), write('b', '')]);
    recordPlanned(dir, 'one', [write('a', '["data/0",[2]]\n["data/0/d",[3]]\n')]);
    const all = [
      ['data/0', [1]],
      ['data/0', [2]],
      ['data/0/d', [3]],
    ];
    expect([...readPlanned(dir, 'one')]).toEqual(all);
    expect([...readPlanned(dir, 'two')]).toEqual([]);
    recordPlanned(dir, 'two', [write('a', '["data/0",[4]]\n')]);
    expect([...readPlanned(dir, 'two')]).toEqual([['data/0', [4]]]);
    record('three', '');
    expect([...readPlanned(dir, 'two')]).toEqual([]);
    removePlanned(dir);
  });

  test('cut anywhere, it loses the line it was cut in and no other', () => {
    const lines = ['{"after":"one"}', '["data/0",[1]]', '["data/0/d",[2]]'];
    const text = `${lines.join('\n')}\n`;
    for (let cut = lines[0]!.length + 1; cut <= text.length; cut++) {
      write('planned.jsonl', text.slice(0, cut));
      recordPlanned(dir, 'one', [write('a', '["data/0",[9]]\n')]);
      const whole = lines
        .slice(1)
        .filter((line) => text.indexOf(line) + line.length < cut)
        .map((line) => JSON.parse(line));
      const read = [...readPlanned(dir, 'one')];
      expect(read).toEqual([...whole, ['data/0', [9]]]);
    }
  });
});
