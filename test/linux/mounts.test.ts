import { expect, test } from '@jest/globals';
import { parseMounts, pointsBelow, readMounts, seenFrom, visibleMounts } from '../../src/linux/mounts.js';

const OWN = parseMounts(`22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 8:17 / /disk rw - ext4 /dev/sdb1 rw
24 23 8:17 /x/y /disk/again rw - ext4 /dev/sdb1 rw
25 22 8:33 / /with\\040space rw - ext4 /dev/sdc1 rw
`);

test('mount points are read, spaces included', () => {
  expect(OWN[3]).toEqual({
    ...{ id: '25', parent: '22', device: '8:33', root: '/', point: '/with space' },
    ...{ fsType: 'ext4', source: '/dev/sdc1', readOnly: false },
  });
  expect(readMounts('self').some((mount) => mount.point === '/')).toBe(true);
});

test('mounts below a directory, without the directory itself and its neighbours', () => {
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
])('paths in a namespace with %s', (_, path, theirs, seen) => {
  expect(seenFrom(parseMounts(theirs), path, OWN)).toEqual(seen);
});

const line = (id: number, parent: number, point: string) => `${id} ${parent} 0:${id} / ${point} rw - tmpfs t${id} rw`;

test.each([
  [
    'all that lie beside each other or below',
    [
      [1, 0, '/'],
      [2, 1, '/a'],
      [3, 2, '/a/b'],
      [4, 1, '/c'],
    ],
    '1 2 3 4',
  ],
  [
    'the one mounted last of several at a point',
    [
      [1, 0, '/'],
      [2, 1, '/a'],
      [3, 2, '/a'],
    ],
    '1 3',
  ],
  [
    'what is mounted on the last of them',
    [
      [1, 0, '/'],
      [2, 1, '/a'],
      [3, 2, '/a/b'],
      [4, 2, '/a'],
      [5, 4, '/a/c'],
    ],
    '1 4 5',
  ],
  [
    'none below a point that was mounted over',
    [
      [1, 0, '/'],
      [2, 1, '/a/b'],
      [3, 1, '/a'],
    ],
    '1 3',
  ],
  [
    'a neighbour with a longer name',
    [
      [1, 0, '/'],
      [2, 1, '/a2'],
      [3, 1, '/a'],
    ],
    '1 2 3',
  ],
  [
    'those of a root that was mounted over',
    [
      [1, 0, '/'],
      [2, 1, '/a'],
      [3, 1, '/'],
      [4, 3, '/b'],
    ],
    '3 4',
  ],
  [
    'those whose parent another namespace keeps',
    [
      [7, 5, '/'],
      [8, 7, '/a'],
    ],
    '7 8',
  ],
  [
    'one that is its own parent',
    [
      [1, 1, '/'],
      [2, 1, '/a'],
    ],
    '1 2',
  ],
] as [string, [number, number, string][], string][])('a path leads into %s', (_, lines, expected) => {
  const mounts = parseMounts(`${lines.map((each) => line(...each)).join('\n')}\n`);
  const ids = visibleMounts(mounts).map(({ id }) => id);
  expect(ids.sort().join(' ')).toBe(expected);
});
