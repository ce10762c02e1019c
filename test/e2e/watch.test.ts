// `lm status --watch`: on a terminal, on a pipe, and once nobody reads it any more.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { expect, test } from '@jest/globals';
import { BIN, hasKoffi, jsonLines } from '../support/lm.js';
import { longTest } from '../support/long-test.js';
import { type Host, sandbox } from '../support/sandbox.js';
import { HAS_SCRIPT, onTerminal } from '../support/terminal.js';

/** Far longer than any test: only a change of the records can have been noticed. */
const NEVER = '1h';
const WATCH = ['status', '--watch', NEVER];

/** A destination after a final pass, whose source goes on listening. */
async function copied(): Promise<Host> {
  const { source, destination } = sandbox();
  const agent = await source.serve([source.write('data', { a: 'a' })]);
  expect(await destination.lm(['copy', agent.url, destination.write('data', {})])).toMatchObject({ code: 0 });
  return destination;
}

const envOf = ({ home, stateDir }: Host): Record<string, string> => ({ HOME: home, LM_STATE_DIR: stateDir });

test('on a pipe, tells it anew once a record has changed, and ends with the code of the signal', async () => {
  const destination = await copied();
  const watch = destination.start(WATCH);
  await watch.says(/^ +verified +no\n[\s\S]*^next: lm verify\nwhy: the last lm copy ended with 0: /m);
  expect(await destination.lm(['verify'])).toMatchObject({ code: 0 });
  await watch.says(/^ +verified +yes[\s\S]*^next: lm complete\n/m);
  watch.kill('SIGINT');
  const { code, stdout, stderr } = await watch.done;
  expect({ code, stderr }).toEqual({ code: 130, stderr: '' });
  expect(stdout).not.toMatch(/\x1b|\r/);
  const blocks = stdout.split(/^\d{4}-.*Z\n/m).slice(1);
  expect(new Set(blocks).size).toBe(blocks.length);
});

longTest('as JSON, a line for each change, and a summary', async () => {
  const destination = await copied();
  const watch = destination.start([...WATCH, '--json']);
  await watch.says(/"finalPass":true/);
  expect(await destination.lm(['complete', '--unverified'])).toMatchObject({ code: 0 });
  await watch.says(/"state":"COMPLETED"[^\n]*\n/);
  watch.kill('SIGTERM');
  const { code, stdout } = await watch.done;
  expect(code).toBe(143);
  const lines = jsonLines(stdout);
  expect(lines[0]).toMatchObject({ type: 'migration', next: { command: 'lm verify', why: expect.any(String) } });
  expect(lines[0]).not.toHaveProperty('history');
  expect(lines.at(-1)).toMatchObject({ type: 'summary', exitCode: 143, result: 'terminated', migrations: 1 });
});

const onPty = HAS_SCRIPT ? test : test.skip;
const longOnPty = HAS_SCRIPT ? longTest : test.skip;

onPty('on a terminal of 40 columns, is drawn in its place, follows its size, and ends with Ctrl-C', async () => {
  const destination = await copied();
  const terminal = await onTerminal(WATCH, { env: { ...envOf(destination), TERM: 'xterm' }, size: [40, 60] });
  await terminal.shows(/next: lm verify\x1b\[K\r\n[\s\S]*why: /);
  await destination.lm(['verify']);
  await terminal.shows(/\x1b\[\d+A\r[\s\S]*next: lm complete\x1b\[K/);
  for (const row of terminal.shown().split('\n')) expect(row.replaceAll(/\x1b\[\w+|\r/g, '').length).toBeLessThan(40);
  terminal.resize(100, 8);
  await terminal.shows(/\x1b\[H\x1b\[2J\r(?:(?!\x1b\[H)[\s\S])*…[\s\S]*\x1b\[J/);
  const last = terminal.shown().slice(terminal.shown().lastIndexOf('\x1b[2J'));
  const rows = last
    .replaceAll(/\x1b\[\w+|\r/g, '')
    .trim()
    .split('\n');
  expect(rows.length).toBeLessThan(8);
  expect(rows).toEqual(expect.arrayContaining([expect.stringMatching(/^next: lm complete$/)]));
  terminal.type('\x03');
  expect(await terminal.code).toBe(130);
});

longOnPty.each([
  ['a terminal that cannot move its cursor', { TERM: 'dumb' }, false],
  ['a terminal without colours', { TERM: 'xterm', NO_COLOR: '1' }, true],
] as const)('%s', async (_, env, isDrawn) => {
  const destination = await copied();
  const terminal = await onTerminal(WATCH, { env: { ...envOf(destination), ...env } });
  await terminal.shows(/why: /);
  await destination.lm(['verify']);
  await terminal.shows(/next: lm complete/);
  expect(/\x1b\[\d+A/.test(terminal.shown())).toBe(isDrawn);
  expect(terminal.shown()).not.toMatch(/\x1b\[[\d;]*m/);
  terminal.type('\x03');
  expect(await terminal.code).toBe(130);
});

longOnPty('a terminal that is closed ends it', async () => {
  const destination = await copied();
  const terminal = await onTerminal(WATCH, { env: { ...envOf(destination), TERM: 'xterm' } });
  await terminal.shows(/why: /);
  await terminal.close();
  expect(await terminal.code).toBe(129);
});

/** `watch | filter`, which tells how the watch ended. */
async function piped({ dir, ...host }: Host, interval: string, filter: string): Promise<string> {
  const script = `{ "$0" "$1" status --watch ${interval}; echo "ended $?" >&2; } | ${filter}`;
  const env = { ...envOf({ dir, ...host }), PATH: process.env['PATH']! };
  const shell = spawn('sh', ['-c', script, process.execPath, BIN], {
    cwd: dir,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [said, told] = await Promise.all([text(shell.stdout), text(shell.stderr), once(shell, 'exit')]);
  return said + told;
}

(hasKoffi() ? longTest : test.skip)('ends with 0 once nobody reads it, though there is nothing to tell', async () => {
  expect(await piped(await copied(), '100ms', 'grep -m 1 next:')).toBe('next: lm verify\nended 0\n');
});

longTest('ends with 0 when the pipe is closed while it is told', async () => {
  expect(await piped(await copied(), '100ms', 'true')).toBe('ended 0\n');
});

longTest('before there is a migration, says so once, and then tells of it', async () => {
  const { source, destination } = sandbox();
  const agent = await source.serve([source.write('data', { a: 'a' })]);
  const watch = destination.start(['status', '--watch', '200ms']);
  await watch.says(/^no migration is known on this host/);
  expect(await destination.lm(['copy', agent.url, destination.write('data', {})])).toMatchObject({ code: 0 });
  await watch.says(/^next: lm verify$/m);
  watch.kill('SIGINT');
  const { code, stdout } = await watch.done;
  expect(code).toBe(130);
  expect(stdout.match(/^no migration/gm)).toHaveLength(1);
});

test('takes a time with its unit, or nothing', async () => {
  const { destination } = sandbox();
  expect(await destination.lm(['status', '--watch', '5'])).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(
      /^lm status: --watch: got '5', takes nothing, or a time .*\nhint: did you mean 5s\?\n/,
    ),
  });
});
