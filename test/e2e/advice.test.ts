// What lm says to somebody who has just met it: which of two causes it was, on which side, and what a next run would do.

import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { COMMAND_HELP } from '../../src/cli/command-table.js';
import { EXIT } from '../../src/exit-codes.js';
import type { CommandName } from '../../src/settings/options.js';
import { jsonLines } from '../support/lm.js';
import { type Host, sandbox } from '../support/sandbox.js';
import { dir, file } from '../support/tree.js';

const MIB = 2 ** 20;
const all = (path: string): string[] => readdirSync(path, { recursive: true, encoding: 'utf8' }).sort();

function token(host: Host, text: string): string {
  const path = host.path('token');
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

test('a missing token and a wrong one are told apart; a dry run leaves nothing and says what a real one would do', async () => {
  const { source, destination } = sandbox();
  const from = source.write('data', { a: 'a', d: dir({ b: 'bb' }) });
  const agent = await source.serve([from, '--token-file', token(source, 'right'.repeat(8))]);
  const to = destination.path('data');
  mkdirSync(destination.path('tmp'));
  const env = { TMPDIR: destination.path('tmp') };

  const missing = await destination.lm(['copy', agent.url, to], { env });
  expect(missing).toMatchObject({
    code: 7,
    stderr: expect.stringMatching(/wants a token .*\nhint: .*--token-file FILE/),
  });
  const wrong = ['--token-file', token(destination, 'wrong'.repeat(8))];
  expect(await destination.lm(['copy', agent.url, to, ...wrong], { env })).toMatchObject({
    code: 7,
    stderr: expect.stringMatching(
      /the token is not the one of the source .*not the token of the agent.*\nhint: both hosts/,
    ),
  });
  const right = ['--token-file', token(destination, 'right'.repeat(8))];
  const before = all(destination.dir);
  const fresh = { ...env, LM_STATE_DIR: destination.path('never-made') };
  const dry = await destination.lm(['copy', agent.url, to, ...right, '--dry-run'], { env: fresh });
  expect(dry).toMatchObject({ code: 3, stderr: '' });
  expect(dry.stdout).not.toMatch(/FAILED|kept/);
  expect(dry.stdout.trimEnd().split('\n').at(-1)).toMatch(
    /^next: the same command without --dry-run: it would copy 3 entries \(3 B\)/,
  );
  expect(all(destination.dir)).toEqual(before);

  const copied = await destination.lm(['copy', agent.url, to, ...right, '--json'], { env });
  expect(copied.code).toBe(0);
  const passes = jsonLines(copied.stdout).filter(({ type }) => type === 'iteration-ended');
  expect(passes.map(({ filesToDownload, bytesToDownload }) => [filesToDownload, bytesToDownload])).toEqual([
    [3, 3],
    [0, 0],
  ]);
  const known = all(destination.stateDir);
  const again = await destination.lm(['copy', '--dry-run', '--json'], { env });
  expect(jsonLines(again.stdout).find(({ type }) => type === 'iteration-ended')).toMatchObject({ filesToDownload: 0 });
  expect(all(destination.stateDir)).toEqual(known);
});

const asRoot = process.getuid?.() === 0 ? test : test.skip;

asRoot('what cannot be read at the source is said to be there, and no more passes are made for it', async () => {
  const { source, destination, dir: base } = sandbox();
  const from = source.write('data', { a: 'a', small: 's', big: file({ size: 20 * MIB, sparse: true }) });
  source.write('state', {});
  for (const path of [base, source.dir, from]) chmodSync(path, 0o755);
  chmodSync(source.path('state'), 0o777);
  for (const name of ['small', 'big']) chmodSync(`${from}/${name}`, 0);
  const agent = await source.serve([from], {
    under: ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'],
  });
  const { code, stdout, stderr } = await destination.lm(['copy', agent.url, destination.write('data', {})]);
  expect(code).toBe(6);
  for (const name of ['small', 'big'])
    expect(
      stderr
        .split('\n')
        .filter((line) => line.startsWith(`failed  data/0/${name}: cannot be read at the source: EACCES`)),
    ).toHaveLength(1);
  expect(stdout).toMatch(/^copy: what is left cannot be read at the source; .*; what was copied is kept$/m);
  expect(stdout).toMatch(
    /^next: on the source, make the files named above readable for the user of lm serve, or leave them out .*, then lm copy/m,
  );
  for (const name of ['small', 'big']) chmodSync(`${from}/${name}`, 0o644);
  expect(await destination.lm(['copy'])).toMatchObject({ code: 0 });
});

describe('the codes of every help are those that come', () => {
  const codesOf = (command: CommandName): number[] => COMMAND_HELP[command].exits.map((name) => EXIT[name]);

  test('of every command: bugs, usage and success; of those that nothing interrupts, no signal', () => {
    for (const command of Object.keys(COMMAND_HELP) as CommandName[])
      expect(codesOf(command)).toEqual(expect.arrayContaining([0, 1, 2]));
    for (const command of ['serve', 'reset', 'config show'] as const)
      expect(codesOf(command)).toEqual(expect.not.arrayContaining([130]));
    expect(codesOf('complete')).toEqual(expect.arrayContaining([5, 6, 7, 8, 9]));
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('lm serve, by %s', async (signal) => {
    const { source } = sandbox();
    const { process: agent } = await source.serve([source.write('data', {})]);
    agent.kill(signal);
    const { code } = await agent.done;
    expect(code).toBe(0);
    expect(codesOf('serve')).toContain(code);
  });

  test.each<[CommandName, string[], number]>([
    ['serve', [], 2],
    ['serve', ['data', '--access-log', 'none/log'], 8],
    ['copy', ['http://nowhere.invalid:1', 'data', '--dry-run'], 2],
    ['complete', [], 2],
    ['reset', [], 0],
    ['status', [], 0],
    ['config show', ['--threshold', '2'], 2],
  ])('lm %s %j', async (command, args, expected) => {
    const { source } = sandbox();
    source.write('data', { a: 'a' });
    const { code } = await source.lm([...command.split(' '), ...args]);
    expect(code).toBe(expected);
    expect(codesOf(command)).toContain(code);
  });
});
