import { describe, expect, test } from '@jest/globals';
import type { MountPoint } from '../../../src/linux/mount-points.js';
import { notAdopted } from '../../../src/state/adoption.js';
import {
  compareDestinations,
  compareMounts,
  compareSources,
  type DestinationRoot,
  mergeSources,
  type SourceIdentity,
  sourceIdentity,
} from '../../../src/state/identity/identity.js';

const root = (key: string, ino: string) => ({ key, ino, path: '/srv', mode: 0o40755, uid: 0, gid: 0 });
const header = { agentId: 'a1', machine: 'm1', roots: [root('data/0', '2'), root('data/1', '3')] };
const end = { devices: { 'data/0': '10', 'data/1': '11', 'data/0/ks/big': '12' } };
const known = sourceIdentity('http://s:9043', header, end);

describe('compareSources', () => {
  test.each<[string, SourceIdentity, string[]]>([
    ['the same', known, []],
    ['the same under another address', { ...known, url: 'https://t:1' }, []],
    ['another agent on a cloned image', { ...known, agentId: 'a2' }, ['another agent: a2, was a1']],
    ['the state directory moved to another machine', { ...known, machine: 'm2' }, ['another machine: m2, was m1']],
    [
      'another directory in the place of a root',
      sourceIdentity('http://s:9043', { ...header, roots: [root('data/0', '2'), root('data/1', '9')] }, end),
      ['data/1 is another directory: inode 9, was inode 3'],
    ],
    [
      'a root that is gone, and a new one',
      sourceIdentity('http://s:9043', { ...header, roots: [root('data/0', '2'), root('hints/0', '4')] }),
      ['data/1 is no longer a directory', 'hints/0 is a directory that was not there before'],
    ],
    [
      'a disk that is not mounted',
      sourceIdentity('http://s:9043', header, { devices: { 'data/0': '10', 'data/1': '11' } }),
      ['data/0/ks/big is no longer a mount point'],
    ],
    [
      'another disk, by all that an older agent tells',
      sourceIdentity('http://s:9043', header, { devices: { ...end.devices, 'data/1': '13' } }),
      ['data/1 is another mount point: device 13, was device 11'],
    ],
    [
      'a disk mounted over a directory',
      sourceIdentity('http://s:9043', header, { devices: { ...end.devices, 'data/1/ks': '13' } }),
      ['data/1/ks is a mount point that was not there before'],
    ],
    ['a listing not yet read to its end', sourceIdentity('http://s:9043', header), []],
    ['a part of it, elsewhere', sourceIdentity('http://s:9043', header, { devices: {} }, 'data/0/ks2'), []],
    [
      'a part of it, with the disk missing',
      sourceIdentity('http://s:9043', header, { devices: {} }, 'data/0/ks'),
      ['data/0/ks/big is no longer a mount point'],
    ],
    [
      'a Sidecar',
      { ...known, agentId: '' },
      ['another source: a Sidecar at http://s:9043, was an lm agent at http://s:9043'],
    ],
  ])('%s', (_, seen, differences) => expect(compareSources(known, seen)).toEqual(differences));

  test('a Sidecar is known by its URL', () => {
    const sidecar = { ...known, agentId: '', machine: '' };
    expect(compareSources(sidecar, { ...sidecar, roots: [] })).toEqual([]);
    expect(compareSources(sidecar, { ...sidecar, url: 'http://t:9043' })).toEqual([
      'another source: a Sidecar at http://t:9043, was a Sidecar at http://s:9043',
    ]);
  });

  test('names that the source sends are escaped', () =>
    expect(compareSources(known, { ...known, agentId: 'x\n\x1b' })).toEqual(['another agent: x\\n\\u{1b}, was a1']));
});

describe('a source that sends more than device numbers', () => {
  const told = {
    ...header,
    roots: header.roots.map((one) => ({ ...one, birthNs: '5', top: { ks: '50', other: '60' } })),
  };
  const mount = { ino: '2', birthNs: '6' };
  const identity = (devices: Record<string, string>, mounts = { 'data/0/ks/big': mount }, roots = told.roots) =>
    sourceIdentity('http://s:9043', { ...told, roots }, { devices, mounts });
  const before = identity(end.devices);
  const renumbered = { 'data/0': '7', 'data/1': '8', 'data/0/ks/big': '9' };

  test('is the same after a boot that numbers its disks anew', () =>
    expect(compareSources(before, identity(renumbered))).toEqual([]));

  test('is another with another disk at a mount point, or in the place of a root', () => {
    expect(compareSources(before, identity(end.devices, { 'data/0/ks/big': { ...mount, birthNs: '7' } }))).toEqual([
      expect.stringMatching(
        /^data\/0\/ks\/big is another mount point: inode 2, made .*, device 12, was inode 2, made .*, device 12$/,
      ),
    ]);
    const others = told.roots.map((one) => ({ ...one, top: { ks: '51', other: '61' } }));
    expect(compareSources(before, identity(end.devices, undefined, others))).toEqual([
      expect.stringMatching(/^data\/0 is another directory: .*ks in it inode 51, was .*ks in it inode 50$/),
      expect.stringMatching(/^data\/1 is another directory/),
    ]);
  });

  test('is compared by device numbers with an older record', () => {
    expect(compareSources(known, before)).toEqual([]);
    expect(compareSources(known, identity({ ...end.devices, 'data/1': '13' }))).toEqual([
      'data/1 is another mount point: device 13, was device 11',
    ]);
  });

  test('is remembered with what each listing covered', () => {
    const part = sourceIdentity('http://s:9043', told, { devices: {}, mounts: {} }, 'data/1/ks');
    expect(mergeSources(before, part).mounts).toEqual(before.mounts);
  });
});

describe('mergeSources', () => {
  const partly = sourceIdentity('http://s:9043', header, { devices: { 'data/0/ks/big': '12' } }, 'data/0/ks');

  test('keeps what was listed so far, and compares no more than that', () => {
    const first = mergeSources(undefined, partly);
    expect(compareSources(first, known)).toEqual([]); // data/0 and data/1 were not looked at before
    const both = mergeSources(first, sourceIdentity('http://s:9043', header, { devices: {} }, 'data/1/ks'));
    expect(both.within).toEqual(['data/1/ks', 'data/0/ks']);
    expect(compareSources(both, sourceIdentity('http://s:9043', header, { devices: {} }))).toEqual([
      'data/0/ks/big is no longer a mount point',
    ]);
  });

  test('a whole listing replaces all of it', () => {
    const changed = sourceIdentity('http://s:9043', header, { devices: { 'data/0': '99' } });
    expect(mergeSources(mergeSources(undefined, partly), changed)).toEqual(changed);
  });

  test('nothing is kept of another agent', () => {
    const other = { ...partly, agentId: 'a2' };
    expect(mergeSources(known, other)).toEqual(other);
  });
});

describe('the destination', () => {
  const data: DestinationRoot = { key: 'data/0', path: '/srv', dev: '10', ino: '2' };
  const log: DestinationRoot = { key: 'commitlog/0', path: '/log', dev: '10', ino: '3' };

  test.each<[string, DestinationRoot[], string[]]>([
    ['the same, in another order', [log, data], []],
    [
      'a disk that is not mounted',
      [{ ...data, dev: '1', ino: '77' }, log],
      ['data/0 is another directory: inode 77 at /srv, device 1, was inode 2 at /srv, device 10'],
    ],
    ['one less', [data], ['commitlog/0 is no longer a directory']],
  ])('%s', (_, seen, differences) => expect(compareDestinations([data, log], seen)).toEqual(differences));

  test('is given to lm by its identity, not by its path', () => {
    const adoption = { atMs: 1, how: 'empty' as const, roots: [data] };
    expect(notAdopted(undefined, [data])).toEqual([data]);
    expect(notAdopted(adoption, [{ ...data, path: '/mnt/srv' }])).toEqual([]);
    expect(notAdopted(adoption, [data, log])).toEqual([log]);
    expect(notAdopted(adoption, [{ ...data, dev: '1' }])).toEqual([{ ...data, dev: '1' }]);
  });
});

describe('what is mounted below a destination', () => {
  const known = {
    ...{ key: 'data/0/ks', root: '/', fsType: 'ext4', source: '/dev/sdb1', ino: '2' },
    birthNs: '1000000000000000000',
  };
  const now: MountPoint = { ...known, path: '/srv/ks', id: '40', device: '8:17', isDirectory: true };

  test.each<[string, MountPoint[], string[]]>([
    ['the same, after a boot that numbered devices anew', [{ ...now, id: '41', device: '8:33' }], []],
    ['the same, on a kernel that keeps no birth times', [{ ...now, birthNs: '0' }], []],
    [
      'a disk that is not mounted',
      [],
      [/^data\/0\/ks is no longer a mount point: it was \/ of ext4 \/dev\/sdb1, inode 2/],
    ],
    [
      'another disk, by all that an older agent tells',
      [{ ...now, source: '/dev/sdc1' }],
      [/is another mount: \/ of ext4 \/dev\/sdc1.*device 8:17, it was/],
    ],
    ['another file system', [{ ...now, fsType: 'xfs' }], [/is another mount: \/ of xfs/]],
    ['another directory of that disk', [{ ...now, root: '/old' }], [/is another mount: \/old of ext4/]],
    ['another directory of that name', [{ ...now, ino: '3' }], [/inode 3/]],
    [
      'a disk of the same name made anew',
      [{ ...now, birthNs: '2000000000000000000' }],
      [/made 2033-.* it was .*made 2001-/],
    ],
    ['one more', [now, { ...now, key: 'data/0/x' }], [/^data\/0\/x is a mount point that was not there before/]],
    [
      'one in another place',
      [{ ...now, key: 'data/0/x' }],
      [/^data\/0\/ks is no longer/, /^data\/0\/x is a mount point that was not/],
    ],
  ] as [string, MountPoint[], never[]][])('%s', (_, seen, differences) =>
    expect(compareMounts([known], seen)).toEqual(differences.map((text) => expect.stringMatching(text))),
  );
});
