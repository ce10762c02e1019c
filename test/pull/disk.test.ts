import { expect, test } from '@jest/globals';
import { ready } from '../../src/files/digest.js';
import { Disk } from '../../src/pull/disk.js';
import { sandbox } from '../support/sandbox.js';

const MIB = 1024 * 1024;

test('a part takes up what was written of it, not its size', async () => {
  await ready();
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
