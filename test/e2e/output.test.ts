// What people and programs are shown.

import { execFileSync, spawnSync } from 'node:child_process';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { BIN, jsonLines } from '../support/lm.js';
import { longTest } from '../support/long-test.js';
import { type Host, sandbox } from '../support/sandbox.js';
import { onTerminal } from '../support/terminal.js';
import { file, readTree } from '../support/tree.js';

let destination: Host;
let from: string;
let to: string;
let copy: string[];

beforeEach(async () => {
  const box = sandbox();
  destination = box.destination;
  from = box.source.write('data', { 'a\nb': 'x', big: file({ size: 32 * 1024 * 1024 }) });
  to = destination.write('data', {});
  const agent = await box.source.serve([from]);
  copy = ['copy', agent.url, to];
});

describe('through a pipe', () => {
  test('plain lines, and the name of a file cannot break one', async () => {
    const { code, stdout, stderr } = await destination.lm([...copy, '--verbose']);
    expect(code).toBe(0);
    expect(stderr.split('\n').filter((line) => line !== '' && !line.startsWith('warning: '))).toEqual([]); // who may not look into every process is told so
    expect(stdout).not.toMatch(/[\r\u001b]/);
    expect(stdout).toMatch(/^copy {4}new +1 B {2}data\/0\/a\\nb$/m);
    expect(stdout).toMatch(/^iteration 0: DOWNLOAD_COMPLETE totalFiles=2 /m);
    expect(stdout).toMatch(/^iteration 1: SUCCESS /m);
    expect(stdout).toMatch(/^next: lm verify$/m);
  });

  test('--quiet says what it came to and no more', async () => {
    const { stdout } = await destination.lm([...copy, '--quiet']);
    expect(stdout).toMatch(/^copy: /);
  });

  test('a reader that leaves does not stop the copy', async () => {
    const env = { PATH: process.env['PATH'] ?? '', HOME: destination.home, LM_STATE_DIR: destination.stateDir };
    const words = [process.execPath, BIN, ...copy, '--verbose'].map((word) => `'${word}'`).join(' ');
    const { stdout } = spawnSync('bash', ['-c', `${words} | head -c 1 >/dev/null; echo "\${PIPESTATUS[0]}"`], { env });
    expect(String(stdout)).toBe('0\n');
    expect(await readTree(to)).toEqual(await readTree(from));
  });
});

describe('--json', () => {
  const check = (stdout: string) => {
    const lines = jsonLines(stdout);
    for (const line of lines) {
      expect(line).toMatchObject({ schema: 1, type: expect.any(String) });
      expect(new Date(line.ts).toISOString()).toBe(line.ts);
    }
    expect(lines.filter((line) => line.type === 'summary')).toHaveLength(1);
    return lines.at(-1)!;
  };

  test('every line parses, and the last is the summary with the exact numbers', async () => {
    const { stdout } = await destination.lm([...copy, '--json', '--verbose']);
    expect(check(stdout)).toMatchObject({
      type: 'summary',
      command: 'copy',
      exitCode: 0,
      report: { status: [{ state: 'DOWNLOAD_COMPLETE', totalSize: 32 * 1024 * 1024 + 1 }, { state: 'SUCCESS' }] },
    });
    expect(new Set(jsonLines(stdout).map((line) => line.run)).size).toBeLessThanOrEqual(2); // null before the run
  });

  test.each([
    [['copy', '--threshold', '7'], 2],
    [['no-such-command'], 2],
    [['verify', 'http://127.0.0.1:1', '--root', 'data=/nowhere/at/all'], undefined],
  ])('errors are lines too: %s', async (args, expected) => {
    const { code, stdout } = await destination.lm([...args, '--json']);
    const summary = check(stdout);
    expect(summary).toMatchObject({ type: 'summary', exitCode: code });
    if (expected !== undefined) expect(code).toBe(expected);
    expect(jsonLines(stdout).find((line) => line.type === 'error')).toMatchObject({ message: expect.any(String) });
  });

  test('of every other command', async () => {
    await destination.lm(copy);
    for (const command of ['status', 'verify', 'complete', 'reset']) {
      const { code, stdout } = await destination.lm([command, '--json']);
      expect(check(stdout)).toMatchObject({ command, exitCode: code });
    }
  });
});

describe('on a terminal', () => {
  /** Runs in a pseudo-terminal of util-linux `script`. */
  const typescript = (env: Record<string, string>, args: string[] = copy) => {
    const words = [process.execPath, BIN, ...args].map((word) => `'${word}'`).join(' ');
    const all = {
      PATH: process.env['PATH'] ?? '',
      HOME: destination.home,
      LM_STATE_DIR: destination.stateDir,
      TERM: 'xterm',
    };
    return execFileSync('script', ['-qec', words, '/dev/null'], { env: { ...all, ...env } }).toString();
  };

  test('colour, unless NO_COLOR', () => {
    expect(typescript({})).toMatch(/\u001b\[32m/);
    expect(typescript({ NO_COLOR: '1' })).not.toMatch(/\u001b\[3\dm/);
  });

  test('TERM=dumb gets neither bar nor colour', () => {
    expect(typescript({ TERM: 'dumb' }).replaceAll('\r\n', '\n')).not.toMatch(/[\r\u001b]/);
  });

  test('the bar never reads 100 %', () => {
    const shown = typescript({}, [...copy, '--limit-rate', '16MiB/s']);
    expect(shown).toMatch(/\d%/);
    expect(shown).not.toMatch(/100% |ETA 0s/);
  });

  /** As they were drawn, one after another. */
  const barsIn = (shown: string): string[] =>
    shown.split(/(?:[\r\n]|\u001b\[[\d;]*[A-Za-z])+/).filter((text) => /^ *\d+% /.test(text));
  const longest = (bars: readonly string[]): number => Math.max(...bars.map((text) => text.length));

  longTest('the bar fits the terminal, and is drawn anew when that is made narrower', async () => {
    const env = { HOME: destination.home, LM_STATE_DIR: destination.stateDir, TERM: 'xterm' };
    const under = `sh -c 'stty cols 120; exec "$@"' sh`;
    const terminal = await onTerminal([...copy, '--limit-rate', '4MiB/s'], { env, under });
    await terminal.shows(/2\d%/);
    const wide = barsIn(terminal.shown());
    terminal.resize(40);
    const before = terminal.shown().length;
    expect(await terminal.code).toBe(0);
    const [, ...narrow] = barsIn(terminal.shown().slice(before)); // the first may have been under way
    expect(longest(wide)).toBeGreaterThan(60);
    expect(longest(wide)).toBeLessThan(120);
    expect(narrow.length).toBeGreaterThan(3);
    expect(longest(narrow)).toBeLessThan(40);
  });
});
