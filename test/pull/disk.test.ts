import { chmodSync, statSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import type { Row } from '../../src/files/entry.js';
import { Disk } from '../../src/pull/disk.js';
import { sandbox } from '../support/sandbox.js';
import { file, link } from '../support/tree.js';

const MIB = 1024 * 1024;

test('a part takes up what was written of it, not its size', async () => {
  const path = sandbox().destination.write('data', {});
  const disk = new Disk([{ key: 'data/0', type: 'data', index: 0, path }], { owners: false, umask: 0o022 });
  expect(disk.bytesOfPart('data/0', 'big')).toBeUndefined();
  const fd = disk.createPart('data/0', 'big', 64 * MIB) as number;
  disk.write(fd, Buffer.alloc(MIB, 1), 0, 'data/0/big');
  disk.close(fd, 'data/0/big');
  expect(disk.bytesOfPart('data/0', 'big')).toBeGreaterThanOrEqual(MIB);
  expect(disk.bytesOfPart('data/0', 'big')).toBeLessThan(3 * MIB);
  expect(disk.bytesOfPart('data/0/no-such-directory', 'big')).toBeUndefined();
  disk.forgetDirectories();
});

test('attributes are set on what stands there, never on what a link in its place leads to', async () => {
  const { destination } = sandbox();
  const path = destination.write('data', {
    file: 'x',
    link: link('../outside'),
    closed: file({ content: 'y', mode: 0 }),
  });
  const outside = destination.write('outside', {});
  chmodSync(outside, 0o700);
  const disk = new Disk([{ key: 'data/0', type: 'data', index: 0, path }], { owners: false, umask: 0o022 });
  const row = (name: string, mode: number): Row => [name, '1', '1000000000', 0o100000 | mode, '1', 0, 0];
  expect(disk.mend('data/0', row('file', 0o640))).toBeUndefined();
  expect(disk.mend('data/0', row('closed', 0o600))).toBeUndefined();
  expect(disk.mend('data/0', row('link', 0o777))).toMatch(/stands in its place/);
  for (const [name, mode] of [
    ['file', 0o640],
    ['closed', 0o600],
  ] as const)
    expect(statSync(`${path}/${name}`)).toMatchObject({ mode: 0o100000 | mode, mtimeMs: 1000 });
  expect(statSync(outside).mode & 0o777).toBe(0o700);
  disk.forgetDirectories();
});
