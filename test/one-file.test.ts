// dist/lm.mjs: a whole migration with nothing but that file.

import { execFileSync } from 'node:child_process';
import { copyFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { longTest } from './support/long-test.js';
import { sandbox } from './support/sandbox.js';
import { dir, file, readTree } from './support/tree.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** A directory of one file. */
function alone() {
  const hosts = sandbox();
  const { dir } = hosts.host('program');
  const bin = join(dir, 'lm.mjs');
  copyFileSync(join(ROOT, 'dist/lm.mjs'), bin);
  return { ...hosts, bin };
}

test('it runs by its name, tells its version, and has its licences', () => {
  const { bin } = alone();
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  expect(execFileSync(bin, ['--version'], { encoding: 'utf8' })).toBe(`${version}\n`);
  const licences = readFileSync(join(ROOT, 'dist/THIRD-PARTY-LICENSES'), 'utf8');
  const names = licences.match(/(?<=^={80}\n).*$/gm)!;
  expect(names.length).toBeGreaterThan(9);
  const text = readFileSync(bin, 'utf8');
  for (const name of names) expect(text).toContain(`\n${name}\n`);
  expect(text).toContain('Apache License');
});

longTest('it serves, copies, verifies, completes, tells, and forgets', async () => {
  const { source, destination, host, bin } = alone();
  const from = source.write('data', {
    ks: dir({ big: file({ size: 20_000_000 }), small: 's', 'x.tmp': 'left out' }),
    many: dir(Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`f${i}`, `${i}`]))),
  });
  const to = destination.write('data', {});
  const at = (code: number) => expect.objectContaining({ code });
  const run = (...args: string[]) => destination.lm(args, { bin });

  const agent = await source.serve([from, '--exclude', '*.tmp'], { bin });
  const args = ['copy', agent.url, to, '--exclude', '*.tmp', '--diff', 'checksum'];
  expect(await run(...args, '--threshold', '0.5')).toEqual(at(0));
  expect(await run('copy')).toEqual(at(0));
  for (const algo of ['xxhash32', 'md5', 'xxhash64', 'crc32c'])
    expect(await run('verify', '--algo', algo)).toEqual(at(0));
  const arrived = await readTree(from);
  delete arrived['ks/x.tmp'];
  expect(await readTree(to)).toEqual(arrived);
  expect(await run('status')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^ *verified +yes: /m) });
  expect(await run('complete')).toEqual(at(0));
  expect(await run('copy')).toEqual(at(6));
  expect(await source.lm(['complete'], { bin })).toEqual(at(0));
  await agent.stop();
  const page = destination.path('report.html');
  expect(await run('report', '--html', page)).toEqual(at(0));
  expect(readFileSync(page, 'utf8')).toContain('<svg');
  expect(await run('reset')).toEqual(at(0));
  expect(await run('report')).toEqual(at(0));
  expect(readdirSync(host('program').dir).sort()).toEqual(['home', 'lm.mjs']);
});

longTest('it plays the demo, which starts further processes of it', async () => {
  const { source, bin } = alone();
  expect(await source.lm(['demo'], { bin })).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('nothing was lost'),
  });
});
