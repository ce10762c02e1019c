// The source changes at the worst moments: after it was listed and before it is read, and while it is being read. Nothing torn is
// published, the next pass brings what became of it, and a source that has gone takes nothing with it.

import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { type Sandbox, sandbox } from '../support/sandbox.js';
import { dir, file, readTree, type Tree } from '../support/tree.js';
import { describeIf, IS_ROOT, roomyDirectory, tally } from './form.js';
import { type Asked, type Deed, type Plot, startHostileProxy } from './hostile-proxy.js';

const MIB = 1024 * 1024;
const FETCH = 'POST /api/v1/live-migration/fetch';

/** A file that takes a while, one that does not, and where they may move. */
const victims = (seed: number): Tree => ({
  d: dir({ big: file({ size: 10 * MIB, seed }), small: 'a small one' }),
  e: dir({ inside: 'i' }),
});

const both = (change: (path: string) => void) => (from: string) => {
  for (const name of ['d/big', 'd/small']) change(join(from, name));
};

const CHANGES: Record<string, (from: string) => void> = {
  'is truncated': both((path) => truncateSync(path, 3)),
  'is emptied': both((path) => truncateSync(path, 0)),
  grows: both((path) => appendFileSync(path, 'more')),
  'is rewritten at the same size': both((path) => writeFileSync(path, Buffer.alloc(readFileSync(path).length, 'n'))),
  'is rewritten with its old time': both((path) => {
    writeFileSync(path, Buffer.alloc(readFileSync(path).length - 1, 'n'));
    utimesSync(path, 1e9, 1e9);
  }),
  'is replaced by another': both((path) => {
    writeFileSync(`${path}.new`, Buffer.alloc(readFileSync(path).length, 'r'));
    renameSync(`${path}.new`, path);
  }),
  'is deleted': both((path) => rmSync(path)),
  'is deleted and made again': both((path) => {
    const { length } = readFileSync(path);
    rmSync(path);
    writeFileSync(path, Buffer.alloc(length, 'm'));
  }),
  'becomes a directory': both((path) => {
    rmSync(path);
    mkdirSync(path);
    writeFileSync(join(path, 'inside'), 'i');
  }),
  'stays, and a directory becomes a file': (from) => {
    rmSync(join(from, 'e'), { recursive: true });
    writeFileSync(join(from, 'e'), 'a file by now');
  },
  'moves with its directory': (from) => renameSync(join(from, 'd'), join(from, 'f')),
  'moves to where another was': (from) => {
    rmSync(join(from, 'e'), { recursive: true });
    renameSync(join(from, 'd'), join(from, 'e'));
  },
};

const held = (at: number, deed: () => void): Deed => ({ do: 'hold', at, until: async () => deed() });

interface Between extends Sandbox {
  from: string;
  to: string;
  url: string;
}

async function between(from: string, box: Sandbox, plot: Plot): Promise<Between> {
  const agent = await box.source.serve([from]);
  const proxy = await startHostileProxy(agent.url, plot);
  box.defer(() => proxy.stop());
  return { ...box, from, to: box.destination.path('data'), url: proxy.url };
}

/** Each change befalls a subtree of its own. */
async function everythingChanges(plot: (change: (what: string) => void) => Plot): Promise<void> {
  const box = sandbox(roomyDirectory(1 << 30));
  const trees = Object.keys(CHANGES).map((what, i) => [what, dir(victims(i))]);
  const from = box.source.write('data', Object.fromEntries(trees));
  const left = new Set(Object.keys(CHANGES));
  const change = (what: string): void => {
    if (!left.delete(what)) return;
    CHANGES[what]!(join(from, what));
    tally('other faults', 'file changed');
  };
  const { destination, to, url } = await between(from, box, plot(change));
  const ended = await destination.lm(['copy', url, to, '--concurrency', '1', '--max-delete', '100%', '--verbose']);
  expect(ended).toMatchObject({ code: 0 });
  expect([...left]).toEqual([]);
  expect(await readTree(to, { directoryTimes: true })).toEqual(await readTree(from, { directoryTimes: true }));
}

describe('a file is truncated, grows, is rewritten, replaced, deleted, moved, or becomes a directory', () => {
  test('after it was listed and before it is read', () =>
    everythingChanges((change) => ({
      instead({ request }) {
        return request === FETCH ? held(0, () => Object.keys(CHANGES).forEach(change)) : undefined;
      },
    })));

  test('while it is read', () =>
    everythingChanges((change) => ({
      during({ request, text }) {
        const what = Object.keys(CHANGES).find((name) => text.includes(`"data/0/${name}/d"`));
        return request === FETCH && what && text.includes('"big"') ? held(MIB, () => change(what)) : undefined;
      },
    })));
});

describe('the source goes while it is copied, and nothing here goes with it', () => {
  /** A second copy, of which a part is still to come when `deed` is done. */
  async function goes(from: string, box: Sandbox, deed: () => void): Promise<Between & { said: string }> {
    let struck = false;
    const during = ({ request, text }: Asked): Deed | undefined => {
      if (struck || request !== FETCH || text.includes('"seals":"alone"')) return undefined; // which is answered without the bytes
      struck = true;
      return held(MIB, deed);
    };
    box.source.write('data', { ...victims(1), bystander: file({ size: 10 * MIB }) });
    const all = await between(from, box, { during });
    const { destination, url, to } = all;
    destination.write('data', { bystander: 'to be replaced', d: dir({ small: 'a small one' }) });
    const { code, stderr } = await destination.lm([
      'copy',
      url,
      to,
      '--concurrency',
      '1',
      '--adopt',
      '--max-delete',
      '100%',
    ]);
    expect({ code, stderr }).toMatchObject({ code: 5, stderr: expect.stringMatching(/^lm copy: /m) });
    expect(stderr.match(/^lm copy: /gm)).toHaveLength(1);
    const here = await readTree(to);
    expect(Object.keys(here)).toEqual(expect.arrayContaining(['bystander', 'd', 'd/small']));
    tally('other faults', 'source gone');
    return { ...all, said: stderr };
  }

  test('its root is moved away', async () => {
    const box = sandbox(roomyDirectory(1 << 30));
    const from = box.source.write('data', {});
    const { destination, url, to } = await goes(from, box, () => renameSync(from, `${from}.away`));
    renameSync(`${from}.away`, from);
    expect(await destination.lm(['copy', url, to, '--max-delete', '100%'])).toMatchObject({ code: 0 });
    expect(await readTree(to)).toEqual(await readTree(from));
  });

  describeIf(IS_ROOT, 'its disk', 'root, who may mount one', () => {
    test('is unmounted', async () => {
      const box = sandbox(roomyDirectory(1 << 30));
      const from = box.source.path('data');
      mkdirSync(from);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', from]);
      let mounted = true;
      const unmount = (): void => {
        if (mounted) execFileSync('umount', ['-l', from]);
        mounted = false;
      };
      box.defer(unmount);
      await goes(from, box, unmount);
    });
  });
});
