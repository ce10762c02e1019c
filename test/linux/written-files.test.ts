import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { linkSync, mkdirSync, mkdtempSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { findWrittenFiles } from '../../src/linux/written-files.js';
import { leaveBehind, release } from '../support/holders.js';

let base: string;
beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'lm-written-')));
  for (const dir of ['log', 'log/deep', 'cdc']) mkdirSync(join(base, dir));
  for (const name of ['log/a', 'log/b', 'log/deep/c', 'log/mapped', 'log/read'])
    writeFileSync(join(base, name), 'bytes');
  linkSync(join(base, 'log/a'), join(base, 'cdc/a'));
});
afterEach(() => rmSync(base, { recursive: true }));
afterEach(release);

const found = async (max = 10) => {
  const { files, more } = await findWrittenFiles([join(base, 'log'), join(base, 'cdc')], max);
  return { files: files.map(({ directory, path }) => `${directory.slice(base.length)}: ${path}`).sort(), more };
};

test('files open for writing in one process or in several are found; files open for reading are not', async () => {
  await leaveBehind(`cd '${base}/log'; exec 3>>a 4<>b 5<read`, 'sleep 600');
  await leaveBehind(`exec 3>>'${base}/log/deep/c' 4>>'${base}/log/a'`, 'sleep 600');
  expect(await found()).toEqual({ files: ['/log: a', '/log: b', '/log: deep/c'], more: false });
  const { files } = await findWrittenFiles([join(base, 'log')], 10);
  const { ino } = statSync(join(base, 'cdc/a'), { bigint: true }); // its other name, by which nobody opened it
  expect(files.map((file) => file.ino)).toContain(`${ino}`);
});

test('at most `max` files, and whether there are more', async () => {
  await leaveBehind(`cd '${base}/log'; exec 3>>a 4>>b`, 'sleep 600');
  expect(await found(2)).toMatchObject({ more: false });
  expect(await found(1)).toMatchObject({ files: [expect.anything()], more: true });
});

const withPython = spawnSync('python3', ['-c', '']).status === 0 ? test : test.skip;

withPython('a file that is mapped so that stores reach it, and no longer open (takes python3)', async () => {
  const script = `
import mmap, os, sys
for name, access in (("mapped", mmap.ACCESS_WRITE), ("read", mmap.ACCESS_READ), ("b", mmap.ACCESS_COPY)):
    fd = os.open(sys.argv[1] + "/" + name, os.O_RDWR)
    globals()[name] = mmap.mmap(fd, 0, access=access)
    os.close(fd)
os.closerange(3, 64)
print("mapped", flush=True)
sys.stdin.read()`;
  const mapper = spawn('python3', ['-c', script, join(base, 'log')]);
  await once(mapper.stdout, 'data');
  try {
    expect(await found()).toEqual({ files: ['/log: mapped'], more: false });
  } finally {
    mapper.stdin.end();
    await once(mapper, 'exit');
  }
});
