// The benchmark as it is run: that it ends, says what it found, and leaves nothing behind. Says nothing about speed.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from '@jest/globals';

const at = (name: string) => fileURLToPath(new URL(name, import.meta.url));

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lm-test-bench-'));
});
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
  rmSync(dir, { recursive: true });
});

const started: ChildProcess[] = [];

function bench(args: string[]) {
  const child = spawn(process.execPath, ['--import', at('typescript.js'), at('main.ts'), '--dir', dir, ...args]);
  started.push(child);
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] += text;
    });
  return { child, said, closed: once(child, 'close') };
}

/** What runs has its source or its configuration in `path`, and says so in its arguments. */
const processesThatName = (path: string) =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(argumentsOf)
    .filter((text) => text.includes(path));

function argumentsOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return ''; // gone since
  }
}

test('a quick run of one row, as JSON', async () => {
  const { said, closed } = bench(['--quick', '--json', '--only', 'startup']);
  expect(await closed).toEqual([0, null]);
  expect(JSON.parse(said.stdout)).toMatchObject({
    machine: { node: process.version },
    lines: [{ row: 'startup', peer: 'node -e 0', ours: [expect.any(Number)], theirs: [expect.any(Number)] }],
  });
  expect(readdirSync(dir)).toEqual([]);
});

test('an interrupt ends what was started and removes what was made', async () => {
  const { child, said, closed } = bench(['--quick', '--rounds', '1000', '--only', 'small']);
  const ended = closed.then(() => Promise.reject(new Error(`it ended: ${said.stderr}`)));
  while (!said.stderr.includes('warm-up: lm')) await Promise.race([once(child.stderr, 'data'), ended]);
  ended.catch(() => {}); // it is to end now
  child.kill('SIGINT');
  expect(await closed).toEqual([130, null]);
  expect(readdirSync(dir)).toEqual([]);
  expect(processesThatName(dir)).toEqual([]);
});

test('a row nobody knows is refused with the list', async () => {
  const { said, closed } = bench(['--only', 'plane']);
  expect(await closed).toEqual([2, null]);
  expect(said.stderr).toMatch(/^no row is called plane; there are plain, tls, /);
});
