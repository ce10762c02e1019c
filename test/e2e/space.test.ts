import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { geteuid } from 'node:process';
import { expect, test } from '@jest/globals';
import { sandbox } from '../support/sandbox.js';
import { readTree } from '../support/tree.js';

const MIB = 2 ** 20;
const asRoot = geteuid!() === 0 ? test : test.skip;

asRoot('a file may grow to all that is free beside it, and a dry run names each guard that is in the way', async () => {
  const { source, destination, defer } = sandbox();
  const from = source.write('data', { log: 'x'.repeat(100_000), old: 'y'.repeat(8 * MIB) });
  const disk = destination.path('disk');
  mkdirSync(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', disk]);
  defer(() => execFileSync('umount', [disk]));
  const to = `${disk}/data`;
  const agent = await source.serve([from]);
  expect(await destination.lm(['copy', agent.url, to])).toMatchObject({ code: 0 });
  const before = await readTree(to);

  writeFileSync(`${from}/log`, Buffer.alloc(70 * MIB, 1));
  const service = createServer().listen(0, '127.0.0.1');
  await once(service, 'listening');
  const { port } = service.address() as { port: number };
  const dry = await destination.lm(['copy', '--dry-run', '--guard-port', `${port}`]);
  service.close();
  expect(dry.code).toBe(3);
  expect(dry.stderr).toMatch(/^warning: a real run would refuse: .*something listens on 127\.0\.0\.1:/m);
  expect(dry.stderr).toMatch(/^warning: a real run would refuse: not enough space for data\/0: 70\.0 MiB/m);
  expect(await readTree(to)).toEqual(before);
  expect(await destination.lm(['copy'])).toMatchObject({ code: 8 });
  expect(await readTree(to)).toEqual(before);

  // 55.9 MiB are free: less than the old size and the new one together, or than the growth with the whole new size beside it.
  writeFileSync(`${from}/log`, Buffer.alloc(40 * MIB, 1));
  expect(await destination.lm(['copy', '--dry-run'])).toMatchObject({ stderr: '' });
  expect(await destination.lm(['copy'])).toMatchObject({ code: 0 });
  expect(readFileSync(`${to}/log`).equals(readFileSync(`${from}/log`))).toBe(true);
});
