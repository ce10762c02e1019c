import { describe, expect, test } from '@jest/globals';
import { type Entry, S_IFREG } from '../../src/files/entry.js';
import { Fidelity, type FileSystemLimits } from '../../src/linux/fidelity.js';
import { fileEntry } from '../support/entries.js';

const KEEPS: FileSystemLimits = { key: 'data/0', unitNs: '1000', lostBits: 0, owners: true };
const S = 1_000_000_000n;
const entry = (mode: number, owner = 0): Entry =>
  fileEntry('f', { mode: S_IFREG | mode, owner: { uid: owner, gid: owner } });

describe('times that become the same', () => {
  test.each<[Partial<FileSystemLimits>, bigint, bigint, boolean]>([
    [{}, 1n, 2_000n, false],
    [{ unitNs: `${S}` }, 5n * S + 1n, 5n * S, true],
    [{ unitNs: `${S}` }, 6n * S, 5n * S, false],
    [{ unitNs: `${S}` }, -S - 1n, -2n * S, true],
    [{ unitNs: `${S}` }, -1n, 0n, false],
    [{ unitNs: `${2n * S}` }, 5n * S, 4n * S, true],
    [{ unitNs: `${2n * S}` }, 6n * S, 4n * S, false],
    [{ unitNs: '0' }, 7n, 9n * S, true],
    [{ minNs: `${10n * S}` }, 3n, 10n * S, true],
    [{ minNs: `${10n * S}` }, 11n * S, 10n * S, false],
    [{ unitNs: `${S}`, maxNs: `${2n ** 31n * S - S}` }, 2n ** 32n * S, 2n ** 31n * S - S, true],
  ])('%j: %s and %s: %s', (keeps, a, b, one) => {
    const fidelity = new Fidelity({ places: [{ ...KEEPS, ...keeps }], entries: [] });
    expect(fidelity.isSameTime('data/0/a/f', `${a}`, `${b}`)).toBe(one);
    expect(fidelity.isSameTime('data/1/a/f', `${a}`, `${b}`)).toBe(false);
  });
});

test('only the result of a trial is excused', () => {
  const fidelity = new Fidelity();
  expect(fidelity.isWhole).toBe(true);
  fidelity.note({ key: 'data/0/f', what: 'mode', wanted: '2755', kept: '0755' });
  const excuses = (key: string, source: Entry, local: Entry) =>
    fidelity.excuses('mode', key, source, local) !== undefined;
  expect(excuses('data/0/f', entry(0o2755), entry(0o755))).toBe(true);
  expect(excuses('data/0/f', entry(0o2755), entry(0o700))).toBe(false);
  expect(excuses('data/0/f', entry(0o644), entry(0o755))).toBe(false);
  expect(excuses('data/0/g', entry(0o2755), entry(0o755))).toBe(false);
  expect(fidelity.causes(['data/0/f'])).toEqual(['data/0/f is to have the mode 2755 and has 0755 however it is set']);
  expect(new Fidelity(fidelity.record()).record()).toEqual(fidelity.record());
});

test('beyond some thousands, bits or owners are assumed not to be kept in the root', () => {
  const fidelity = new Fidelity();
  for (let i = 0; i <= 4096; i++) fidelity.note({ key: `data/0/f${i}`, what: 'mode', wanted: '2755', kept: '0755' });
  expect(fidelity.excuses('mode', 'data/0/other', entry(0o2711), entry(0o711))).toBe('modes');
  expect(fidelity.excuses('mode', 'data/0/other', entry(0o711), entry(0o700))).toBeUndefined();
  expect(fidelity.excuses('owner', 'data/0/other', entry(0, 1), entry(0, 2))).toBeUndefined();
  fidelity.note({ key: 'data/0/x', what: 'owner', wanted: '1:1', kept: '0:0' });
  expect(fidelity.excuses('owner', 'data/0/other', entry(0, 1), entry(0, 2))).toBe('owners');
});
