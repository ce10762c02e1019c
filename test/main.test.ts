// main: closed pipes, the last error, and what a quick answer loads.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { BIN, jsonLines, lm } from './support/lm.js';
import { makeDirectory } from './support/settings.js';
import { standIn } from './support/stand-in.js';

describe('output that nobody reads', () => {
  test('a closed stdout does not stop the command', async () => {
    const done = `${makeDirectory()}/done`;
    const env = standIn(`const { writeFileSync } = await import('node:fs');
      const { setImmediate } = await import('node:timers/promises');
      for (let i = 0; i < 100; i++) { io.stdout.write('x'.repeat(65536)); await setImmediate(); }
      writeFileSync(${JSON.stringify(done)}, 'done'); return 0;`);
    const child = spawn(process.execPath, [BIN, 'demo'], {
      env: { ...env, PATH: process.env['PATH'] },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    child.stdout.destroy();
    const [code] = await once(child, 'close');
    expect(code).toBe(0);
    expect(readFileSync(done, 'utf8')).toBe('done');
  });

  test('a full disk behind stdout does not stop the command, but changes the exit code', async () => {
    const under = ['sh', '-c', 'exec "$@" > /dev/full', 'sh'];
    const { code, stderr } = await lm(['config', 'show'], { under });
    expect(stderr).toContain('lm: cannot write to standard output: ENOSPC');
    expect(stderr).toContain('error output (8): the command has done its work\n');
    expect(code).toBe(8);
  });
});

describe('the last error', () => {
  test('stderr gets message, details and hint', async () => {
    const { code, stdout, stderr } = await lm(['copy', '--threshold', '95'], { cwd: makeDirectory() });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toBe(
      "lm copy: --threshold: got '95', takes a number from 0 to 1, or a percentage\nhint: did you mean 0.95 (or 95%)?\nerror usage (2): nothing was begun\n",
    );
  });

  test.each([
    ['a flag', ['copy', '--json', '--threshold', '95'], {}, ''],
    ['a variable', ['copy', '--threshold', '95'], { LM_JSON: 'true' }, ''],
    ['a mistyped option', ['copy', '--json', '--treshold', '95'], {}, ''],
    ['the file', ['copy'], {}, 'json: true'],
  ])('with %s, stdout gets error and summary as JSON', async (_, args, env, file) => {
    const cwd = makeDirectory({ 'lm.yaml': file });
    const { code, stdout } = await lm(args, { cwd, env: { LM_CONFIG: 'lm.yaml', ...env, HOME: cwd } });
    expect(code).toBe(2);
    expect(jsonLines(stdout)).toMatchObject([
      {
        ...{ schema: 1, type: 'error', code: 'usage', exitCode: 2, message: expect.any(String) },
        ...{ kind: expect.any(String), hint: expect.any(String), kept: 'nothing was begun' },
      },
      { schema: 1, type: 'summary', exitCode: 2 },
    ]);
  });

  test('an unexpected error is reported as a bug, with its stack', async () => {
    const { code, stderr } = await lm(['demo'], { env: standIn(`throw new TypeError('oh');`) });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^lm demo: this is a bug in lm: oh\n {2}at Module\.run /);
    expect(stderr).toMatch(/hint: please report it .*what was copied is kept\nerror bug \(1\)\n$/);
  });
});

test('a working directory that is gone is a usage error, not a bug', async () => {
  const script = 'mkdir gone && cd gone && rmdir ../gone && exec "$0" "$1" status';
  const child = spawn('sh', ['-c', script, process.execPath, BIN], { cwd: makeDirectory({}), stdio: 'pipe' });
  let stderr = '';
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  const [code] = await once(child, 'close');
  expect(stderr).toBe(
    'lm status: cannot read the working directory: ENOENT\n' +
      'hint: cd to a directory that is there\n' +
      'error working-directory (2): nothing was begun\n',
  );
  expect(code).toBe(2);
});

test('--version loads neither parser nor any command', async () => {
  const hooks = `data:text/javascript,${encodeURIComponent(
    `import { appendFileSync } from 'node:fs';
     export const resolve = async (s, c, n) => { const r = await n(s, c); appendFileSync(process.env.SEEN, r.url + '\\n'); return r; };`,
  )}`;
  const seen = `${makeDirectory()}/seen`;
  writeFileSync(seen, '');
  const register = `data:text/javascript,${encodeURIComponent(`import { register } from 'node:module'; register(${JSON.stringify(hooks)});`)}`;
  const { code, stdout } = await lm(['--version'], { env: { NODE_OPTIONS: `--import ${register}`, SEEN: seen } });
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: `${JSON.parse(readFileSync('package.json', 'utf8')).version}\n`,
  });
  const urls = readFileSync(seen, 'utf8');
  expect(urls).toMatch(/dist\/main\.js/);
  expect(urls).not.toMatch(/node_modules|dist\/cli\.js|commands/);
});

test('config show prints each value in force and its origin', async () => {
  const cwd = makeDirectory({ 'lm.yaml': 'threshold: 0.9\nroots: {data: [/a, /b]}\n' });
  const env = { HOME: cwd, LM_CONCURRENCY: '4', LM_CONFIG: 'lm.yaml' };
  const { code, stdout } = await lm(['config', 'show', '--json', '--color', 'never'], { cwd, env });
  expect(code).toBe(0);
  const lines = jsonLines(stdout);
  const shown = (name: string) => lines.find((line) => line['name'] === name);
  expect(shown('threshold')).toMatchObject({ value: '0.9', source: 'file', where: `${cwd}/lm.yaml:1` });
  expect(shown('root')).toMatchObject({ value: ['data=/a', 'data=/b'], source: 'file', where: `${cwd}/lm.yaml:2` });
  expect(shown('concurrency')).toMatchObject({ value: '4', source: 'environment', where: 'LM_CONCURRENCY' });
  expect(shown('color')).toMatchObject({ value: 'never', source: 'flag', where: '--color' });
  expect(shown('url')).toMatchObject({ value: null, source: null });
  expect(lines.at(-1)).toMatchObject({ type: 'summary', exitCode: 0 });
  const table = await lm(['config', 'show'], { cwd, env });
  expect(table.stdout).toMatch(/^threshold +0\.9 +\/.*lm\.yaml:1$/m);
});
