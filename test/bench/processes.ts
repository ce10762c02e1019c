// Programs under the stopwatch, and the servers they talk to. Ends only what it started, each by the id of its process group.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { basename, delimiter, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

export interface Ran {
  seconds: number;
  stdout: string;
  /** The most memory it held at once; only when asked for. */
  peakBytes: number;
}

export interface RunOptions {
  /** Beside PATH: no settings of whoever runs the benchmark reach a program. */
  env?: Record<string, string>;
  /** Exit codes that are no failure. */
  codes?: readonly number[];
  watchMemory?: boolean;
  /** Ends it with SIGTERM after so long, if it still runs: however it ends then is no failure. */
  terminateAfterMs?: number;
}

export interface Server {
  pid: number;
  stop(): Promise<void>;
}

export interface Processes {
  /** Runs a program to its end and times it, from before its start to its exit. Throws with what it said when it fails. */
  run(command: string, args: string[], options?: RunOptions): Promise<Ran>;
  /** Starts a server; resolves when something accepts on this port of loopback, or it has said this word; or throws with what it said. */
  serve(command: string, args: string[], ready: number | string, options?: RunOptions): Promise<Server>;
  stopAll(): Promise<void>;
}

export function createProcesses(signal: AbortSignal): Processes {
  const alive = new Set<ChildProcess>();
  const start = (command: string, args: string[], env: Record<string, string> = {}) => {
    signal.throwIfAborted();
    // A group of its own: a daemon's children end with it, and Ctrl-C reaches it through us alone.
    const child = spawn(command, args, { detached: true, env: { PATH: PROGRAM_PATH, ...env }, stdio: PIPES });
    alive.add(child);
    child.on('close', () => alive.delete(child));
    return { child, said: collect(child) };
  };
  const run: Processes['run'] = async (command, args, options = {}) => {
    const began = performance.now();
    const { child, said } = start(command, args, options.env);
    const memory = options.watchMemory ? watchMemory(child) : undefined;
    let seconds = 0;
    let terminated = false;
    const { terminateAfterMs } = options;
    const timer =
      terminateAfterMs === undefined
        ? undefined
        : setTimeout(() => {
            terminated = true;
            killGroup(child.pid!, 'SIGTERM');
          }, terminateAfterMs);
    child.on('exit', () => {
      clearTimeout(timer);
      seconds = (performance.now() - began) / 1000;
    });
    const [code, killedBy] = await once(child, 'close');
    clearTimeout(timer); // one that could not start has not ended
    signal.throwIfAborted();
    if (!terminated && !(options.codes ?? [0]).includes(code))
      throw new Error(`${named(command, args)} ended with ${code ?? killedBy}: ${last(said.stderr || said.stdout)}`);
    return { seconds, stdout: said.stdout, peakBytes: memory?.() ?? 0 };
  };
  const stopAll = async () => void (await Promise.all([...alive].map(stop)));
  signal.addEventListener('abort', stopAll); // whatever is being waited for ends then
  return {
    run,
    stopAll,
    async serve(command, args, ready, options = {}) {
      const { child, said } = start(command, args, options.env);
      let ended = false;
      child.on('close', () => {
        ended = true;
      });
      while (!(typeof ready === 'string' ? said.stdout.includes(ready) : await accepts(ready))) {
        signal.throwIfAborted();
        if (ended) throw new Error(`${command} did not get ready: ${last(said.stderr || said.stdout)}`);
        await pause(LOOK_MS);
      }
      return { pid: child.pid!, stop: () => stop(child) };
    },
  };
}

const PIPES: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];

/** Servers live in sbin, which not every user has on the path. */
const PROGRAM_PATH = [process.env['PATH'] ?? '', '/usr/local/sbin', '/usr/sbin', '/sbin'].join(delimiter);

/** The absolute path of a program, as sshd insists on; undefined when the machine has none. */
export function findProgram(name: string): string | undefined {
  const paths = PROGRAM_PATH.split(delimiter).map((dir) => join(dir, name));
  return paths.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Seconds until the last of them has ended. */
export async function allAtOnce(runs: (() => Promise<unknown>)[]): Promise<number> {
  const began = performance.now();
  await Promise.all(runs.map((run) => run()));
  return (performance.now() - began) / 1000;
}

function collect(child: ChildProcess): { stdout: string; stderr: string } {
  const said = { stdout: '', stderr: '' };
  child.on('error', (error) => {
    said.stderr += error.message; // 'close' follows
  });
  for (const name of ['stdout', 'stderr'] as const)
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      said[name] = (said[name] + text).slice(-SAID_CHARACTERS);
    });
  return said;
}

const SAID_CHARACTERS = 64 * 1024;
const named = (command: string, args: string[]) =>
  [command, ...args.slice(0, 2)].map((word) => basename(word)).join(' ');
const last = (text: string) => text.trim().split('\n').slice(-3).join(' / ');

const LOOK_MS = 20;

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

const GRACE_MS = 3000;

async function stop(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  killGroup(child.pid, 'SIGTERM');
  const force = setTimeout(() => killGroup(child.pid!, 'SIGKILL'), GRACE_MS);
  await closed;
  clearTimeout(force);
}

function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** VmHWM only grows, so the last look is the peak; what a process takes in its last moments may be missed. */
function watchMemory(child: ChildProcess): () => number {
  let peak = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, peakBytesOf(child.pid!));
  }, 20);
  child.on('exit', () => clearInterval(timer));
  return () => peak;
}

/** What a running process has held at most; 0 when it has gone. */
export function peakBytesOf(pid: number): number {
  try {
    return 1024 * Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
