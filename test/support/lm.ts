// The built program, run as an operator would run it. Ends only the processes it started, by their ids.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const BIN = fileURLToPath(new URL('../../bin/lm.js', import.meta.url));

export interface LmOptions {
  cwd?: string;
  /** The whole environment beside PATH: a test must not see the settings of whoever runs it. */
  env?: Record<string, string>;
  input?: string;
  /** A program to run it under, such as `setpriv` and its flags. */
  under?: string[];
}

export interface Finished {
  /** Null when a signal ended it. */
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  /** Without the lines that depend on the machine and not on the test: `blind`. */
  stderr: string;
  /** The warnings that some process, on either side, could not be looked into, as pid 1 of some containers, even by root; else ''. */
  blind: string;
}

export interface Running {
  pid: number;
  /** What it has said so far. */
  stdout(): string;
  stderr(): string;
  /** The first match in stdout; rejects with all it said when it ends first. */
  says(pattern: RegExp): Promise<RegExpExecArray>;
  kill(signal: NodeJS.Signals): void;
  done: Promise<Finished>;
}

/** Starts `lm` and comes back at once. */
export function startLm(args: string[], options: LmOptions = {}): Running {
  const [command, ...before] = [...(options.under ?? []), process.execPath];
  const child = spawn(command!, [...before, BIN, ...args], {
    cwd: options.cwd,
    env: { PATH: process.env.PATH ?? '', ...options.env },
  });
  child.stdin.on('error', () => {}); // a program that reads nothing may be gone before its input
  child.stdin.end(options.input ?? '');
  return follow(child);
}

/** Runs `lm` to its end. */
export const lm = (args: string[], options: LmOptions = {}): Promise<Finished> => startLm(args, options).done;

function follow(child: ChildProcessWithoutNullStreams): Running {
  const said = { stdout: '', stderr: '' };
  let ended: Finished | undefined;
  const waiting = new Set<() => void>();
  const wake = () => {
    for (const look of waiting) look();
  };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] += text;
      wake();
    });
  const done = new Promise<Finished>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      ended = { code, signal, stdout: said.stdout, ...withoutBlind(said.stderr) };
      wake();
      resolve(ended);
    });
  });
  const says = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(said.stdout);
        if (!match && !ended) return;
        waiting.delete(look);
        if (match) resolve(match);
        else
          reject(
            new Error(
              `lm ended (${ended!.code ?? ended!.signal}) without saying ${pattern}:\n${said.stdout}${said.stderr}`,
            ),
          );
      };
      waiting.add(look);
      look();
    });
  return {
    pid: child.pid!,
    stdout: () => said.stdout,
    stderr: () => said.stderr,
    says,
    kill: (signal) => void (ended === undefined && process.kill(child.pid!, signal)),
    done,
  };
}

const BLIND = /^warning: could not look into .*\n/gm;

const withoutBlind = (stderr: string): Pick<Finished, 'stderr' | 'blind'> => ({
  stderr: stderr.replaceAll(BLIND, ''),
  blind: (stderr.match(BLIND) ?? []).join(''),
});

export interface Agent {
  url: string;
  process: Running;
  /** SIGTERM, which drains; resolves when it has gone. */
  stop(): Promise<Finished>;
}

/** `lm serve` on a free port of loopback, ready when this resolves. A `--listen` among `args` wins. */
export async function startAgent(args: string[], options: LmOptions = {}): Promise<Agent> {
  const listen = args.includes('--listen') ? [] : ['--listen', '127.0.0.1:0'];
  const running = startLm(['serve', ...listen, ...args], options);
  const [url] = await running.says(/https?:\/\/[^\s"]+:\d+/);
  return {
    url,
    process: running,
    stop: () => {
      running.kill('SIGTERM');
      return running.done;
    },
  };
}

/** The lines of `--json` output; throws when one is not JSON. */
export function jsonLines(stdout: string): JsonLine[] {
  const lines = stdout.split('\n');
  if (lines.pop() !== '') throw new Error(`the last line is not ended: ${stdout.slice(-200)}`);
  return lines.map((line) => JSON.parse(line));
}

// biome-ignore lint/suspicious/noExplicitAny: what a line holds is what the tests are about
export type JsonLine = { schema: number; type: string; ts: string; run: string | null } & Record<string, any>;
