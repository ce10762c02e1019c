// A file that was read so soon after a write that the next write leaves it the same size and time: only its digest can tell.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { jsonLines } from '../support/lm.js';
import { longTest } from '../support/long-test.js';
import { sandbox } from '../support/sandbox.js';
import { readTree, setMtime } from '../support/tree.js';

const asRoot = process.getuid?.() === 0 ? longTest : test.skip;
const MIB = 2 ** 20;

/** Young for as long as any test takes, however slow the host: its second is still to come. */
const soon = (): number => Math.floor(Date.now() / 1000) + 50;

function write(path: string, content: string | Uint8Array, seconds: number): void {
  writeFileSync(path, content);
  utimesSync(path, seconds, seconds);
}

/** ext4 with inodes of 128 bytes, which have no room for more than seconds. */
function wholeSeconds(dir: string, defer: (cleanup: () => void) => void): string {
  const [image, at] = [join(dir, 'image'), join(dir, 'mounted')];
  execFileSync('truncate', ['-s', '64M', image]);
  execFileSync('mkfs.ext4', ['-q', '-I', '128', image], { stdio: 'ignore' });
  mkdirSync(at);
  execFileSync('mount', ['-o', 'loop', image, at]);
  defer(() => void execFileSync('umount', [at]));
  mkdirSync(join(at, 'data'));
  return join(at, 'data');
}

describe('rewritten at equal size within the second of the read', () => {
  asRoot('where times are whole seconds: small and big files, warm passes and the final one', async () => {
    const { dir, source, destination, defer } = sandbox();
    const from = wholeSeconds(dir, defer);
    const to = destination.write('data', {});
    const agent = await source.serve([from]);
    const second = soon();
    const fill = (letter: string) => {
      write(join(from, 'small'), letter.repeat(100), second);
      write(join(from, 'big'), Buffer.alloc(9 * MIB, letter), second);
    };
    const warm = ['copy', agent.url, to, '--threshold', '0.95', '--json', '--verbose'];
    writeFileSync(join(from, 'old'), 'old');
    setMtime(join(from, 'old'), 1_600_000_000_000_000_000n);
    fill('a');
    expect(statSync(join(from, 'small'), { bigint: true }).mtimeNs).toBe(BigInt(second) * 1_000_000_000n);
    expect(await destination.lm(warm)).toMatchObject({ code: 0 });

    fill('b'); // between two runs
    const again = await destination.lm(warm);
    expect(again.code).toBe(0);
    expect(jsonLines(again.stdout).filter(({ type }) => type === 'item')).toMatchObject([
      { action: 'copy', key: 'data/0/big', reason: 'digest' },
      { action: 'copy', key: 'data/0/small', reason: 'digest' },
    ]);
    expect(await readTree(to)).toEqual(await readTree(from));

    fill('c'); // and before the final pass, long after the listing that saw them young
    const final = await destination.lm(['copy', '--allow-live-source']);
    expect(final.code).toBe(0);
    expect(young(destination.stateDir)).toEqual(expect.arrayContaining(['data/0/big', 'data/0/small']));
    expect(await readTree(to)).toEqual(await readTree(from));
  });

  test('from a source that does not tell: by the listed time', async () => {
    const { source, destination, proxy } = sandbox();
    const from = source.write('data', {});
    const second = soon();
    write(join(from, 'a'), 'before', second);
    const to = destination.write('data', {});
    const agent = await source.serve([from]);
    const between = await proxy(agent.url, { asSidecar: true });
    const warm = ['copy', between.url, to, '--threshold', '0.5'];
    expect(await destination.lm(warm)).toMatchObject({ code: 0 });
    write(join(from, 'a'), 'after!', second);
    expect(await destination.lm(warm)).toMatchObject({ code: 0 });
    expect(readFileSync(join(to, 'a'), 'utf8')).toBe('after!');
  });
});

/** What the journal names as young. */
function young(stateDir: string): string[] {
  const journal = execFileSync('sh', ['-c', 'cat "$0"/*/journal.jsonl', stateDir], { encoding: 'utf8' });
  const records = jsonLines(journal).filter(({ type }) => type === 'young');
  return [...new Set(records.flatMap(({ keys }) => keys as string[]))].sort();
}
