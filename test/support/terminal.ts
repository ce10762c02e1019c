// Runs `lm` in the foreground of a terminal that the test can close: a pseudo-terminal of script(1). Its shell reports how lm ended.

import { spawn, spawnSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { afterEach } from '@jest/globals';
import { BIN } from './lm.js';

export const HAS_SCRIPT = spawnSync('script', ['--version']).status === 0;

export interface OnTerminal {
  pid: number;
  /** Resolves when the terminal has received it. */
  shows(pattern: RegExp): Promise<void>;
  /** All that it has received. */
  shown(): string;
  /** As from its keyboard: `\x03` is Ctrl-C. */
  type(text: string): void;
  /** Makes it narrower, or wider, as a person would who pulls at its window. */
  resize(columns: number, rows?: number): void;
  /** Closes the terminal; the shell sends `lm` a SIGHUP, as bash does. */
  close(): Promise<void>;
  /** The exit code in the shell: 128 plus the number of the signal that ended it. */
  code: Promise<number>;
}

const running = new Set<number>();

afterEach(() => {
  for (const pid of running) process.kill(pid, 'SIGKILL');
  running.clear();
});

/** `redirected`: redirections after the command, such as `</dev/null >log 2>&1`. `size`: of the terminal, columns and rows. */
export async function onTerminal(
  args: string[],
  {
    env = {},
    under = '',
    redirected = '',
    size: [columns, rows] = [80, 24],
  }: { env?: Record<string, string>; under?: string; redirected?: string; size?: [number, number] } = {},
): Promise<OnTerminal> {
  const words = [process.execPath, BIN, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  const told = `sh -c 'echo $$ >&3; exec "$@"' sh ${under} ${words} ${redirected}`;
  const sized = `stty cols ${columns} rows ${rows}`;
  const terminal = spawn('script', ['-qfc', `trap "" HUP; trap : INT; ${sized}; ${told}; echo $? >&3`, '/dev/null'], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['pipe', 'pipe', 'inherit', 'pipe'],
  });
  const shown = heard(terminal.stdout!);
  const report = heard(terminal.stdio[3] as Readable);
  const gone = new Promise<void>((resolve) => terminal.on('exit', () => resolve()));
  const pid = Number((await report.says(/^(\d+)\n/))[1]);
  running.add(pid);
  const code = report.says(/\n(\d+)\n$/).then(([, told]) => {
    running.delete(pid);
    return Number(told);
  });
  return {
    pid,
    async shows(pattern) {
      await shown.says(pattern);
    },
    shown: shown.text,
    type: (text) => void terminal.stdin!.write(text),
    resize(columns, rows) {
      const size = ['cols', `${columns}`, ...(rows === undefined ? [] : ['rows', `${rows}`])];
      const { status, stderr } = spawnSync('stty', ['-F', readlinkSync(`/proc/${pid}/fd/1`), ...size]);
      if (status !== 0) throw new Error(`stty: ${stderr}`);
    },
    async close() {
      terminal.kill('SIGKILL');
      await gone;
      process.kill(pid, 'SIGHUP');
    },
    code,
  };
}

function heard(stream: Readable): { text(): string; says(pattern: RegExp): Promise<RegExpExecArray> } {
  let text = '';
  let ended = false;
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const look of waiting) look();
  };
  stream.setEncoding('utf8').on('data', (more: string) => {
    text += more;
    wake();
  });
  stream
    .on('error', () => {})
    .on('close', () => {
      ended = true;
      wake();
    });
  return {
    text: () => text,
    says: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const match = pattern.exec(text);
          if (!match && !ended) return;
          waiting.delete(look);
          if (match) resolve(match);
          else reject(new Error(`it ended without saying ${pattern}: ${text}`));
        };
        waiting.add(look);
        look();
      }),
  };
}
