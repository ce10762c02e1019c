// curl, wget and aria2c get, and go on with, what the agent serves. Each where it is installed.

import { execFile, execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { fileTarget } from '../../src/wire/file-urls.js';
import { P, type RunningAgent, scratch, startAgent } from './running-agent.js';

const { dir, remove } = scratch();
const root = join(dir, 'data');
const content = Buffer.alloc(5_000_000);
for (let i = 0; i < content.length; i++) content[i] = (i * 2654435761) >>> 24;
let agent: RunningAgent;

beforeAll(async () => {
  mkdirSync(root);
  writeFileSync(join(root, 'big.db'), content);
  writeFileSync(join(root, 'with space+é'), 'odd');
  agent = await startAgent([root, '--state-dir', join(dir, 'state'), '--access-log', join(dir, 'log')]);
});

afterAll(async () => {
  await agent?.stop();
  remove();
});

const run = promisify(execFile);
const big = () => `${agent.url}${P}/files/data/0/big.db`;

function installed(tool: string): boolean {
  try {
    execFileSync(tool, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const CONTINUE: [tool: string, args: (url: string, file: string) => string[]][] = [
  ['curl', (url, file) => ['-sS', '-C', '-', '-o', file, url]],
  ['wget', (url, file) => ['-q', '-c', '-O', file, url]],
  [
    'aria2c',
    (url, file) => [
      '-q',
      '-c',
      '--no-conf',
      '--allow-overwrite=true',
      '-d',
      dir,
      '-o',
      file.slice(dir.length + 1),
      url,
    ],
  ],
];

describe.each(CONTINUE)('%s', (tool, args) => {
  const here = installed(tool) ? test : test.skip;

  here('fetches a whole file', async () => {
    const file = join(dir, `${tool}-whole`);
    await run(tool, args(big(), file));
    expect(readFileSync(file).equals(content)).toBe(true);
  });

  here('goes on where it was cut off', async () => {
    const file = join(dir, `${tool}-cut`);
    copyFileSync(join(root, 'big.db'), file);
    truncateSync(file, 1_234_567);
    await run(tool, args(big(), file));
    expect(readFileSync(file).equals(content)).toBe(true);
    const requests = readFileSync(join(dir, 'log'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const { status, bytes } = requests.at(-1);
    expect(status).toBe(206);
    expect(bytes).toBeLessThan(4_000_000); // aria2c begins anew at a piece of its own
  });

  here('leaves a file alone that is whole', async () => {
    const file = join(dir, `${tool}-done`);
    copyFileSync(join(root, 'big.db'), file);
    await run(tool, args(big(), file));
    expect(readFileSync(file).equals(content)).toBe(true);
  });
});

(installed('curl') ? test : test.skip)('curl reaches a name that has to be escaped', async () => {
  const { stdout } = await run('curl', ['-fsS', agent.url + fileTarget('data/0/with space+é')]);
  expect(stdout).toBe('odd');
});

(installed('aria2c') ? test : test.skip)('aria2c puts a file together from ranges of four connections', async () => {
  const split = ['-x4', '-s4', '-k1M', '--file-allocation=none', '-q', '--no-conf', '-d', dir, '-o', 'split', big()];
  await run('aria2c', split);
  expect(readFileSync(join(dir, 'split')).equals(content)).toBe(true);
});
