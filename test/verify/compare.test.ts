import { describe, expect, test } from '@jest/globals';
import { type Entry, S_IFDIR, S_IFLNK, S_IFREG } from '../../src/files/entry.js';
import { type ComparePolicy, compareEntries } from '../../src/verify/compare.js';
import { dirEntry, fileEntry, linkEntry } from '../support/entries.js';

const mtimeNs = '1731000001456000007';
const FILE = fileEntry('f', { size: '6', mtimeNs });
const DIR = dirEntry('d', { mtimeNs });
const LINK = linkEntry('l', 'f', { mtimeNs });
/** Unlike FILE in all that can differ. */
const OTHER = fileEntry('f', { size: '7', mtimeNs: '-1', mode: S_IFREG | 0o600, ino: '1', owner: { uid: 1, gid: 0 } });

/** As a Sidecar tells it. */
const listed = (entry: Entry): Entry => ({
  ...entry,
  mtimeNs: `${entry.mtimeNs.slice(0, -6)}000000`,
  mode: entry.mode & 0o170000,
  ino: undefined,
  owner: undefined,
});

const LM: ComparePolicy = { unit: 'us', owners: true };
const SIDECAR: ComparePolicy = { unit: 'ms', owners: true };

const but = (entry: Entry, changes: Partial<Entry>): Entry => ({ ...entry, ...changes });
const reasons = (source: Entry, local: Entry, policy: ComparePolicy): string[] =>
  compareEntries(source, local, policy).map(({ reason }) => reason);

describe('an entry on both sides', () => {
  test.each<[string, Entry, Entry, ComparePolicy, string[]]>([
    ['a file and itself', FILE, FILE, LM, []],
    ['another inode', FILE, but(FILE, { ino: '70' }), LM, []],
    ['another size', FILE, but(FILE, { size: '7' }), LM, ['size']],
    ['a time that differs below a microsecond', FILE, but(FILE, { mtimeNs: '1731000001456000999' }), LM, []],
    ['a time that differs by a microsecond', FILE, but(FILE, { mtimeNs: '1731000001456001000' }), LM, ['mtime']],
    ['all that can differ', FILE, OTHER, LM, ['size', 'mtime', 'mode', 'owner']],
    ['a setuid bit', FILE, but(FILE, { mode: S_IFREG | 0o4644 }), LM, ['mode']],
    ['another group', FILE, but(FILE, { owner: { uid: 0, gid: 5 } }), LM, ['owner']],
    [
      'another owner nobody could set',
      FILE,
      but(FILE, { owner: { uid: 5, gid: 0 } }),
      { unit: 'us', owners: false },
      [],
    ],
    ['another kind, and then nothing else counts', FILE, but(DIR, { mtimeNs: '1' }), LM, ['type']],
    ['a link where a file was', FILE, LINK, LM, ['type']],
    ['a directory of another time', DIR, but(DIR, { mtimeNs: '1' }), LM, []],
    ['a directory of another mode', DIR, but(DIR, { mode: S_IFDIR | 0o700 }), LM, ['mode']],
    ['a link of another time and mode', LINK, but(LINK, { mtimeNs: '1', mode: S_IFLNK }), LM, []],
    ['a link that leads elsewhere', LINK, but(LINK, { target: 'g' }), LM, ['link-target']],
    ['what a Sidecar lists', listed(FILE), FILE, SIDECAR, []],
    [
      'what a Sidecar lists of another mode and owner',
      listed(FILE),
      but(FILE, { mode: S_IFREG, owner: { uid: 5, gid: 0 } }),
      SIDECAR,
      [],
    ],
    [
      'a millisecond more than a Sidecar tells',
      listed(FILE),
      but(FILE, { mtimeNs: '1731000001457000000' }),
      SIDECAR,
      ['mtime'],
    ],
  ])('%s', (_, source, local, policy, expected) => {
    expect(reasons(source, local, policy)).toEqual(expected);
  });

  test('both values are reported, as people read them', () => {
    expect(compareEntries(FILE, OTHER, LM)).toEqual([
      { reason: 'size', source: '6', destination: '7' },
      { reason: 'mtime', source: '2024-11-07T17:20:01.456000007Z', destination: '1969-12-31T23:59:59.999999999Z' },
      { reason: 'mode', source: '0644', destination: '0600' },
      { reason: 'owner', source: '0:0', destination: '1:0' },
    ]);
  });

  test('the latest and the earliest time of a listing have a date', () => {
    const [late] = compareEntries(FILE, but(FILE, { mtimeNs: '99999999999999999999' }), LM);
    expect(late!.destination).toBe('5138-11-16T09:46:39.999999999Z');
    const [early] = compareEntries(FILE, but(FILE, { mtimeNs: '-99999999999999999999' }), LM);
    expect(early!.destination).toBe('-001199-02-15T14:13:20.000000001Z');
  });
});
