import { expect, test } from '@jest/globals';
import { parseMounts, pointsBelow, readMounts, seenFrom } from '../../src/files/mounts.js';

const OWN = parseMounts(`22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 8:17 / /disk rw - ext4 /dev/sdb1 rw
24 23 8:17 /x/y /disk/again rw - ext4 /dev/sdb1 rw
25 22 8:33 / /with\\040space rw - ext4 /dev/sdc1 rw
`);

test('mount points are read, spaces included', () => {
  expect(OWN[3]).toEqual({ device: '8:33', root: '/', point: '/with space' });
  expect(readMounts('self').some((mount) => mount.point === '/')).toBe(true);
});

test('mounts below a directory are told from itself and from its neighbours', () => {
  expect(pointsBelow(OWN, '/disk')).toEqual(['/disk/again']);
  expect(pointsBelow(OWN, '/dis')).toEqual([]);
  expect(pointsBelow(OWN, '/with space')).toEqual([]);
});

test.each([
  ['the whole file system elsewhere', '/disk/data', '1 0 8:17 / /var rw', ['/var/data']],
  ['the directory itself', '/disk/data', '1 0 8:17 /data /data rw', ['/data']],
  ['a parent of it', '/disk/a/b', '1 0 8:17 /a /mnt rw', ['/mnt/b']],
  ['a part of it', '/disk/data', '1 0 8:17 /data/ks /mnt rw', ['/mnt']],
  ['it at the top', '/disk/data', '1 0 8:17 /data / rw', ['/']],
  ['it below the top', '/disk/data/ks', '1 0 8:17 /data / rw', ['/ks']],
  ['it twice', '/disk/data', '1 0 8:17 / /a rw\n2 1 8:17 /data /b rw', ['/a/data', '/b']],
  ['a neighbour with a longer name', '/disk/data', '1 0 8:17 /data2 /mnt rw', []],
  ['another file system', '/disk/data', '1 0 8:99 / /disk rw', []],
  ['the root file system', '/srv', '1 0 8:1 / /host rw', ['/host/srv']],
  ['what a deeper mount shows', '/disk/again/z', '1 0 8:17 /x /mnt rw', ['/mnt/y/z']],
])('seen from a namespace with %s', (_, path, theirs, seen) => {
  expect(seenFrom(parseMounts(theirs), path, OWN)).toEqual(seen);
});
