// Programs that run as their owner or group, where the owner is not, or cannot be made, the source's; and who may read while it is given.

import { chmodSync, chownSync, lstatSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { DiskOptions, UnkeptNow } from '../../src/disk/attributes.js';
import { Disk, type OpenPart } from '../../src/disk/disk.js';
import type { Entry, Owner } from '../../src/files/entry.js';
import { asUser, IS_ROOT, OTHER_USER, SOMEBODY } from '../support/as-user.js';
import { entryWith, fileEntry } from '../support/entries.js';
import { sandbox } from '../support/sandbox.js';

const OURS = { uid: process.getuid!(), gid: process.getgid!() };

function destination(options: Partial<DiskOptions>) {
  const box = sandbox();
  const path = box.destination.write('data', {});
  chmodSync(join(box.destination.dir, '..'), 0o755);
  chmodSync(box.destination.dir, 0o755);
  const unkept: UnkeptNow[] = [];
  const roots = [{ key: 'data/0' as const, type: 'data' as const, index: 0, path }];
  const disk = new Disk(
    roots,
    { canChown: false, umask: 0o022, ...options },
    undefined,
    (one) => void unkept.push(one),
  );
  return { disk, path, unkept, found: () => foundAt(join(path, 'x')) };
}

function foundAt(path: string) {
  const { mode, uid, gid } = statSync(path);
  return { mode: mode & 0o7777, uid, gid };
}

const program = (owner: Owner, mode = 0o6755): Entry =>
  fileEntry('x', { size: '1', mtimeNs: '1000000000', mode: 0o100000 | mode, owner });

function make(disk: Disk, of: Entry): void {
  const part = disk.beginFile('data/0', of.name) as OpenPart;
  disk.append(part, Buffer.from('x'), 'data/0/x');
  expect(disk.publish(part, 'data/0', of)).toBeUndefined();
  disk.forgetDirectories();
}

/** Mends what `there` has made of it, as a walk lists it. */
function setAttributes(disk: Disk, path: string, of: Entry, there: (at: string) => void): void {
  const at = join(path, 'x');
  writeFileSync(at, 'x');
  there(at);
  const { size, mtimeNs, mode, ino, uid, gid } = lstatSync(at, { bigint: true });
  const owner = { uid: Number(uid), gid: Number(gid) };
  const local = { name: 'x', size: `${size}`, mtimeNs: `${mtimeNs}`, mode: Number(mode), ino: `${ino}`, owner };
  expect(disk.setAttributes('data/0', of, entryWith(local))).toBeUndefined();
  disk.forgetDirectories();
}

describe('where no owners are set, a program runs as no other user than the source’s owner', () => {
  const others = { uid: OURS.uid + 1, gid: OURS.gid + 1 };
  const cases: [string, Owner, given: number][] = [
    ['the user and the group', OURS, 0o6755],
    ['the user', { ...OURS, gid: others.gid }, 0o4755],
    ['the group', { ...OURS, uid: others.uid }, 0o2755],
    ['nobody', others, 0o755],
  ];
  const kept = (mode: number) =>
    mode === 0o6755 ? [] : [{ key: 'data/0/x', what: 'mode', wanted: '6755', kept: mode.toString(8).padStart(4, '0') }];

  test.each(cases)('a new one of which %s is right', (_, owner, mode) => {
    const { disk, unkept, found } = destination({});
    make(disk, program(owner));
    expect({ ...found(), unkept }).toEqual({ ...OURS, mode, unkept: kept(mode) });
  });

  test.each(cases)('an existing one of which %s is right, whatever mode it had', (_, owner, mode) => {
    for (const before of [0o600, 0o6755]) {
      const { disk, path, unkept, found } = destination({});
      setAttributes(disk, path, program(owner), (at) => chmodSync(at, before));
      expect({ ...found(), unkept }).toEqual({ ...OURS, mode, unkept: kept(mode) });
    }
  });

  test('a file that nobody may execute keeps its bits, which have another meaning', () => {
    const { disk, unkept, found } = destination({});
    make(disk, program(others, 0o2644));
    expect({ ...found(), unkept }).toEqual({ ...OURS, mode: 0o2644, unkept: [] });
  });
});

/** As somebody who was taken for one who may: a file system that refuses what the trial could do. */
(IS_ROOT ? describe : describe.skip)('where the system will not give a program its owner', () => {
  const owner = { uid: OTHER_USER, gid: OTHER_USER };
  const unkeptOwner = { key: 'data/0/x', what: 'owner', wanted: `${OTHER_USER}:${OTHER_USER}` };
  const unkeptMode = { key: 'data/0/x', what: 'mode', wanted: '6755', kept: '0755' };
  const left = { uid: SOMEBODY, gid: SOMEBODY, mode: 0o755 };

  test('a new one runs as whoever starts it', () => {
    const { disk, path, unkept, found } = destination({ canChown: true });
    chownSync(path, SOMEBODY, SOMEBODY);
    asUser(SOMEBODY, () => make(disk, program(owner)));
    expect(found()).toEqual(left);
    expect(unkept).toEqual([{ ...unkeptOwner, kept: `${SOMEBODY}:${SOMEBODY}` }, unkeptMode]);
  });

  test('so does an existing one whose owner could not be set', () => {
    const { disk, path, unkept, found } = destination({ canChown: true });
    chownSync(path, SOMEBODY, SOMEBODY);
    asUser(SOMEBODY, () => setAttributes(disk, path, program(owner), (at) => chmodSync(at, 0o6755)));
    expect(found()).toEqual(left);
    expect(unkept).toEqual([{ ...unkeptOwner, kept: `${SOMEBODY}:${SOMEBODY}`, refused: 'EPERM' }, unkeptMode]);
  });
});
