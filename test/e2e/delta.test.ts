// A big file of which an older version is here, published: what both have in common is not fetched, and the older version is not written to.

import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { HAS_BTRFS, mountBtrfs } from '../support/btrfs.js';
import { sample } from '../support/form.js';
import { hasKoffi, type JsonLine, jsonLines } from '../support/lm.js';
import { type Sandbox, sandbox } from '../support/sandbox.js';
import { file, readTree } from '../support/tree.js';

const MIB = 2 ** 20;
const PAGE_BYTES = 8192;

function writePages(path: string, ...atMiB: number[]): void {
  const fd = openSync(path, 'r+');
  for (const at of atMiB) writeSync(fd, Buffer.alloc(8192, `page of ${at}`), 0, 8192, at * MIB + 40_960);
  closeSync(fd);
}

/** Copies a file of 64 MiB, writes to three of its pages, and copies once more; returns that pass, and the bytes of its answers. */
async function copyTwice({ source, destination, proxy }: Sandbox, to: string, ...args: string[]) {
  const from = source.write('data', { big: file({ size: 64 * MIB }) });
  const agent = await source.serve([from]);
  expect(await destination.lm(['copy', agent.url, to])).toMatchObject({ code: 0 });
  writePages(`${from}/big`, 3, 40, 63);
  const line = await proxy(agent.url);
  const { code, stdout } = await destination.lm(['copy', line.url, '--json', ...args]);
  expect(code).toBe(0);
  const pass: JsonLine = jsonLines(stdout).at(-1)!['report'].status[0];
  expect(await readTree(to)).toEqual(await readTree(from));
  expect(readdirSync(to)).toEqual(['big']);
  const said = jsonLines(stdout).filter(({ type, text }) => type === 'settings' && text.startsWith('delta '));
  return { pass, said: said.map(({ text }) => text), bytes: line.passed() };
}

test.each(
  sample<[string, string[]]>(2, [
    ['its blocks are compared with it, and the pages that differ are fetched', []],
    ['so they are with --delta always', ['--delta', 'always']],
  ]),
)('where the file system has no reflinks %s', async (_, args) => {
  const box = sandbox();
  const { pass, bytes, said } = await copyTwice(box, box.destination.write('data', {}), ...args);
  expect(pass['delta']).toEqual({ cloned: 0, compared: 64 * MIB, differing: 3 * PAGE_BYTES, whole: 0 });
  expect(pass['bytesReused']).toBe(64 * MIB - 3 * PAGE_BYTES);
  expect(bytes).toBeLessThan(MIB / 4);
  expect(said[0]).toMatch(/^delta (auto|always): 64\.0 MiB compared with older versions here, 24\.0 KiB differed$/);
});

test('--delta never fetches the whole file, as of one that is new', async () => {
  const box = sandbox();
  const { pass, bytes, said } = await copyTwice(box, box.destination.write('data', {}), '--delta', 'never');
  expect(pass).toMatchObject({ bytesReceived: 64 * MIB, bytesReused: 0 });
  expect([pass['delta'], said]).toEqual([undefined, []]);
  expect(bytes).toBeGreaterThan(64 * MIB);
});

if (!HAS_BTRFS) process.stderr.write('not run: a clone, for want of root and mkfs.btrfs (btrfs-progs)\n');

((HAS_BTRFS || process.env['CI'] === 'true') && hasKoffi() ? test : test.skip)(
  'where the file system has reflinks it is cloned, and so much as differs is written',
  async () => {
    const box = sandbox();
    const { disk, unmount } = mountBtrfs(box.dir);
    box.defer(unmount);
    const to = join(disk, 'data');
    mkdirSync(to);
    const { pass, bytes, said } = await copyTwice(box, to);
    expect(pass['delta']).toEqual({ cloned: 64 * MIB, compared: 0, differing: 0, whole: 0 });
    expect(pass['bytesReused']).toBe(64 * MIB - 3 * PAGE_BYTES);
    expect(bytes).toBeLessThan(MIB / 4);
    expect(said).toEqual(['delta auto: 64.0 MiB of older versions here were cloned']);
    expect(statSync(`${to}/big`).mode & 0o777).toBe(0o644);

    const from = box.source.path('data');
    execFileSync('fallocate', ['-p', '-o', `${5 * MIB + 100}`, '-l', `${20 * MIB}`, join(from, 'big')]);
    expect(await box.destination.lm(['copy'])).toMatchObject({ code: 0 });
    expect(await readTree(to)).toEqual(await readTree(from));
    expect(statSync(`${to}/big`).blocks * 512).toBeLessThan(45 * MIB); // what the clone had there takes up nothing more
  },
);
