// Runs the built program as an operator would run it. Ends only the processes that it started, by their ids.

import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { LONG } from './form.js';
import { type Ending, runKept, signalKept } from './kept-processes.js';

/** Another program to run the tests with, such as a copy of dist/lm.mjs. */
const OTHER = process.env['LM_PROGRAM'];

export const BIN = OTHER ?? fileURLToPath(new URL('../../bin/lm.js', import.meta.url));

/** Whether the program has what finds and makes holes: one that is alone in its directory does without. */
export function hasKoffi(): boolean {
  try {
    createRequire(BIN).resolve('koffi');
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return false;
    throw error;
  }
}

export interface LmOptions {
  cwd?: string;
  /** Another build than the one that is tested. */
  bin?: string;
  /** The whole environment but PATH: a test must not see the settings of the user who runs it. */
  env?: Record<string, string>;
  input?: string;
  /** A program that runs it, such as `setpriv` and its flags. */
  under?: string[];
  /** It may run in a process that has run another command before, but not in the long form. */
  kept?: boolean;
}

export interface Finished {
  /** Null when a signal ended it. */
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  /** Without the lines in `blind`, which depend on the machine and not on the test. */
  stderr: string;
  /** Warnings that a process on either side could not be inspected, such as pid 1 of some containers, even by root; else ''. */
  blind: string;
}

export interface Running {
  pid: number;
  /** Its output so far. */
  stdout(): string;
  stderr(): string;
  /** The first match in stdout; rejects with all its output when it ends before. */
  says(pattern: RegExp): Promise<RegExpExecArray>;
  kill(signal: NodeJS.Signals): void;
  done: Promise<Finished>;
}

/** Starts `lm` and returns at once. */
export function startLm(args: string[], options: LmOptions = {}): Running {
  const env = { PATH: process.env['PATH'] ?? '', ...options.env };
  const telling = follow();
  const kept = mayBeKept(options, env)
    ? runKept({ args, cwd: options.cwd ?? process.cwd(), env }, telling.hear, telling.end)
    : undefined;
  const pid = kept?.pid ?? spawnLm(args, options, env, telling);
  const send = (signal: NodeJS.Signals): void => {
    if (kept) signalKept(kept, signal);
    else process.kill(pid, signal);
  };
  return { pid, ...telling.running, kill: (signal) => void (telling.isRunning() && send(signal)) };
}

/** Runs `lm` to its end. */
export const lm = (args: string[], options: LmOptions = {}): Promise<Finished> => startLm(args, options).done;

/** False with variables that begin with NODE_: Node itself reads those when it starts. */
const mayBeKept = ({ kept = false, under, bin, input }: LmOptions, env: Record<string, string>): boolean =>
  !LONG &&
  kept &&
  !under &&
  !bin &&
  !OTHER &&
  input === undefined &&
  !Object.keys(env).some((name) => name.startsWith('NODE_'));

function spawnLm(
  args: string[],
  options: LmOptions,
  env: Record<string, string>,
  { hear, end, fail }: Telling,
): number {
  const [command, ...before] = [...(options.under ?? []), process.execPath];
  const child = spawn(command!, [...before, options.bin ?? BIN, ...args], { cwd: options.cwd, env });
  child.stdin.on('error', () => {}); // a program that reads nothing may end before its input is written
  child.stdin.end(options.input ?? '');
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => hear(name, text));
  child.on('error', fail);
  child.on('close', (code, signal) => end({ code, signal }));
  return child.pid!;
}

interface Telling {
  hear(stream: 'stdout' | 'stderr', text: string): void;
  end(ending: Ending): void;
  fail(error: Error): void;
  isRunning(): boolean;
  running: Omit<Running, 'pid' | 'kill'>;
}

function follow(): Telling {
  const said = { stdout: '', stderr: '' };
  let ended: Finished | undefined;
  const waiting = new Set<() => void>();
  const wake = () => {
    for (const look of waiting) look();
  };
  let end!: Telling['end'];
  let fail!: Telling['fail'];
  const done = new Promise<Finished>((resolve, reject) => {
    fail = reject;
    end = (ending) => {
      ended = { ...ending, stdout: said.stdout, ...withoutBlind(said.stderr) };
      wake();
      resolve(ended);
    };
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
    hear(stream, text) {
      said[stream] += text;
      wake();
    },
    end,
    fail,
    isRunning: () => ended === undefined,
    running: { stdout: () => said.stdout, stderr: () => said.stderr, says, done },
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
  /** Sends SIGTERM, which drains requests; resolves when the process has ended. */
  stop(): Promise<Finished>;
}

/**
 * Starts `lm serve` on a free port of loopback; resolves when it listens. A `--listen` in `args` wins. Without a token in `args` the agent
 * needs none: tokens have their own tests, which set `ownToken`.
 */
export async function startAgent(
  args: string[],
  { ownToken = false, ...options }: LmOptions & { ownToken?: boolean } = {},
): Promise<Agent> {
  const listen = args.includes('--listen') ? [] : ['--listen', '127.0.0.1:0'];
  const open = ownToken ? [] : ['--insecure'];
  const running = startLm(['serve', ...listen, ...open, ...args], options);
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
