import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import type { Entry } from '../../../src/files/entry.js';
import { blockLine } from '../../../src/listing/listing-lines.js';
import type { PairOfFiles } from '../../../src/plan/digests/paired-digests.js';
import { filesIn, isBlock, SetAside } from '../../../src/verify/files/set-aside.js';

const dir = mkdtempSync(join(tmpdir(), 'lm-aside-'));
afterAll(() => rmSync(dir, { recursive: true }));

const entry = (name: string, ino: string): Entry => ({
  ...{ name, kind: 'file', size: '5', mtimeNs: '1700000000123456789', mode: 0o100644, ino },
  ...{ owner: undefined, target: undefined, ctimeNs: '1700000000223456789', links: undefined },
  allocated: undefined,
});
const pair = (at: string, name: string): PairOfFiles => ({
  ...{ dir: at, source: entry(name, '1'), local: entry(name, '2') },
});
const keys = (pairs: Iterable<PairOfFiles>): string[] =>
  [...pairs].map(({ dir: at, source, local }) => `${at}/${source.name} ${source.ino} ${local.ino}`);

test('files come back in the order in which they came, alone or in blocks', () => {
  const aside = new SetAside(join(dir, 'order'));
  const line = (ino: string, names: string[]) =>
    Buffer.from(blockLine({ dir: 'data/0/b', entries: names.map((name) => entry(name, ino)) }));
  const alone = [pair('data/0/a', 'x'), pair('data/0/a', 'y')];
  const last = pair('data/0/b', 'zz');
  for (const { dir: at, source, local } of alone) aside.add(at, source, local);
  aside.addBlock(line('1', ['p', 'q']), line('2', ['p', 'q']).subarray(0, -1), { files: 2, bytes: 10 });
  aside.addBlock(line('1', []), line('2', []), { files: 0, bytes: 0 });
  aside.add(last.dir, last.source, last.local);
  expect([aside.files, aside.bytes]).toEqual([5, 25]);
  const blocks: unknown[] = [];
  const found: PairOfFiles[] = [];
  for (const one of aside.all()) {
    blocks.push(isBlock(one) && [one.files, one.bytes]);
    found.push(...(isBlock(one) ? filesIn(one) : one).pairs);
  }
  aside.close();
  expect(blocks).toEqual([false, [2, 10], [0, 0], false]);
  expect(keys(found)).toEqual([
    ...['data/0/a/x 1 2', 'data/0/a/y 1 2', 'data/0/b/p 1 2', 'data/0/b/q 1 2', 'data/0/b/zz 1 2'],
  ]);
  expect(found.filter(({ dir: at }) => at === 'data/0/a')).toEqual(alone);
});

test('more files than a write holds, and a block that is longer than one', () => {
  const aside = new SetAside(join(dir, 'many'));
  const names = Array.from({ length: 6000 }, (_, i) => `${100_000 + i}-${'n'.repeat(50)}`);
  for (const name of names) {
    const { source, local } = pair('data/0/a', name);
    aside.add('data/0/a', source, local);
  }
  const bytes = (ino: string) =>
    Buffer.from(blockLine({ dir: 'data/0/b', entries: names.map((name) => entry(name, ino)) }));
  aside.addBlock(bytes('1'), bytes('2'), { files: names.length, bytes: 5 * names.length });
  const found = keys(aside.pairs());
  aside.close();
  expect(found).toEqual(['a', 'b'].flatMap((at) => names.map((name) => `data/0/${at}/${name} 1 2`)));
});

test('a file that cannot be written is an error of this host', () => {
  expect(() => new SetAside(join(dir, 'missing', 'file'))).toThrow(expect.objectContaining({ code: 'local' }));
});
