// What is installed, to build this and by an operator: nothing without its digest, no code without its licence, no test.

import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { lm } from './support/lm.js';
import { sandbox } from './support/sandbox.js';
import { file, readTree } from './support/tree.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const read = (...names: string[]) => readFileSync(join(ROOT, ...names), 'utf8');
const { version, allowScripts } = JSON.parse(read('package.json'));

describe('the lockfile', () => {
  const entries: { integrity?: string; resolved?: string; hasInstallScript?: boolean }[] = JSON.parse(
    read('package-lock.json'),
  ).packages;
  const packages = Object.entries(entries).filter(([path]) => path !== '');

  test('has a digest of every package, for every platform', () => {
    expect(packages.length).toBeGreaterThan(400);
    expect(
      packages.filter(([, { integrity }]) => !/^sha512-[\w+/]{86}==$/.test(integrity ?? '')).map(([path]) => path),
    ).toEqual([]);
  });

  test('names no other registry than the public one', () => {
    const elsewhere = ({ resolved }: { resolved?: string }) =>
      resolved?.startsWith('https://registry.npmjs.org/') === false;
    expect(packages.filter(([, entry]) => elsewhere(entry)).map(([path]) => path)).toEqual([]);
  });

  test('no package runs a script when it is installed', () => {
    const scripts = packages.filter(([, entry]) => entry.hasInstallScript).map(([path]) => path);
    expect(allowScripts).toEqual(Object.fromEntries(scripts.map((path) => [path.replace('node_modules/', ''), false])));
  });
});

test('the build has the licence of each package whose code it holds, and of no other', () => {
  const built = readdirSync(join(ROOT, 'dist')).filter((name) => name.endsWith('.js'));
  const origins = built.flatMap((name) => [...read('dist', name).matchAll(/^\s*\/\/ (node_modules\/.*)\/.*\.\w+$/gm)]);
  const packages = new Set(origins.map(([, path]) => /.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path!)![0]));
  expect(packages.size).toBeGreaterThan(9);
  const shipped = read('dist/THIRD-PARTY-LICENSES');
  for (const path of packages) {
    const { name, version, license } = JSON.parse(read(path, 'package.json'));
    expect(shipped).toContain(`\n${name} ${version} (${license})\n`);
    const texts = readdirSync(join(ROOT, path)).filter((file) => /licen[cs]e/i.test(file));
    expect(texts).not.toEqual([]);
    for (const text of texts) expect(shipped).toContain(read(path, text).trim());
  }
  expect(shipped.match(/^={80}$/gm)).toHaveLength(packages.size);
});

test('a checkout that was not built says so', async () => {
  const { dir } = sandbox();
  cpSync(join(ROOT, 'bin'), join(dir, 'bin'), { recursive: true });
  cpSync(join(ROOT, 'package.json'), join(dir, 'package.json'));
  expect(await lm(['copy'], { bin: join(dir, 'bin/lm.js') })).toMatchObject({
    code: 2,
    stdout: '',
    stderr: `lm: not built: ${dir}/dist/main.js is missing\nhint: cd ${dir}/ && npm ci --include=dev && npm run build\n`,
  });
});

test('the packed program is installed without a network, alone, and works', async () => {
  const { dir, source, destination } = sandbox();
  const npm = (...args: string[]) =>
    execFileSync('npm', [...args, '--offline', '--ignore-scripts', '--cache', join(dir, 'cache')], {
      cwd: ROOT,
      env: { PATH: process.env['PATH'], HOME: source.home },
      stdio: 'pipe',
    });
  npm('pack', '--pack-destination', dir);
  npm('install', '--global', '--prefix', dir, join(dir, `lm-${version}.tgz`));

  const modules = join(dir, 'lib/node_modules');
  expect(readdirSync(modules)).toEqual(['lm']);
  const files = ['CHANGELOG.md', 'LICENSE', 'README.md', 'bin', 'dist', 'examples', 'man', 'package.json'];
  expect(readdirSync(join(modules, 'lm')).sort()).toEqual(files);
  const inside = (...names: string[]) => readdirSync(join(...names), { recursive: true }).sort();
  for (const name of ['bin', 'examples', 'man']) expect(inside(modules, 'lm', name)).toEqual(inside(ROOT, name));
  expect(readFileSync(join(dir, 'share/man/man1/lm.1'), 'utf8')).toBe(read('man/lm.1'));
  const dist = readdirSync(join(ROOT, 'dist')).filter((name) => name !== 'modules' && name !== 'lm.mjs');
  expect(readdirSync(join(modules, 'lm/dist')).sort()).toEqual(dist.sort());

  const bin = join(dir, 'bin/lm');
  expect(await lm(['--version'], { bin })).toMatchObject({ code: 0, stdout: `${version}\n` });
  const from = source.write('data', { big: file({ size: 9_000_000 }), small: 's' });
  const to = destination.write('data', {});
  const agent = await source.serve([from], { bin });
  expect(await destination.lm(['copy', agent.url, to], { bin })).toMatchObject({ code: 0 });
  expect(await readTree(to)).toEqual(await readTree(from));
});
