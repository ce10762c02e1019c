import { describe, expect, test } from '@jest/globals';
import { notAdopted } from '../../src/state/adoption.js';
import {
  compareDestinations,
  compareSources,
  type DestinationRoot,
  mergeSources,
  type SourceIdentity,
  sourceIdentity,
} from '../../src/state/identity.js';

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
      ['data/1 is another directory: inode 9, was 3'],
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
      'another disk',
      sourceIdentity('http://s:9043', header, { devices: { ...end.devices, 'data/1': '13' } }),
      ['data/1 is another mount point: device 13, was 11'],
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

  test('a Sidecar is its URL', () => {
    const sidecar = { ...known, agentId: '', machine: '' };
    expect(compareSources(sidecar, { ...sidecar, roots: [] })).toEqual([]);
    expect(compareSources(sidecar, { ...sidecar, url: 'http://t:9043' })).toEqual([
      'another source: a Sidecar at http://t:9043, was a Sidecar at http://s:9043',
    ]);
  });

  test('what the source calls itself is escaped', () =>
    expect(compareSources(known, { ...known, agentId: 'x\n\x1b' })).toEqual(['another agent: x\\n\\u{1b}, was a1']));
});

describe('mergeSources', () => {
  const partly = sourceIdentity('http://s:9043', header, { devices: { 'data/0/ks/big': '12' } }, 'data/0/ks');

  test('knows of what was listed so far, and compares no more than that', () => {
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
      ['data/0 is another directory: device and inode 1:77 at /srv, was 10:2 at /srv'],
    ],
    ['one less', [data], ['commitlog/0 is no longer a directory']],
  ])('%s', (_, seen, differences) => expect(compareDestinations([data, log], seen)).toEqual(differences));

  test('is given to lm by device and inode, not by name', () => {
    const adoption = { atMs: 1, how: 'empty' as const, roots: [data] };
    expect(notAdopted(undefined, [data])).toEqual([data]);
    expect(notAdopted(adoption, [{ ...data, path: '/mnt/srv' }])).toEqual([]);
    expect(notAdopted(adoption, [data, log])).toEqual([log]);
    expect(notAdopted(adoption, [{ ...data, dev: '1' }])).toEqual([{ ...data, dev: '1' }]);
  });
});
