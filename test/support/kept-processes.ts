// Processes that run one `lm` command after another, because the start of the process is most of the cost of a short command.

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('./kept-process.js', import.meta.url));

/** The mark that a process writes to stdout and stderr after the output of a command, with its exit code. */
const ENDED = /\0ended (\d+)\0$/;

export interface Command {
  args: string[];
  cwd: string;
  env: Record<string, string>;
}

export interface Ending {
  code: number | null;
  signal: NodeJS.Signals | null;
}

const idle: ChildProcess[] = [];
const all = new Set<ChildProcess>();
const condemned = new WeakSet<ChildProcess>();

/**
 * Runs a command in a free process. `hear` gets the output of the command; `end` is called once, after that, when the command or its
 * process has ended.
 */
export function runKept(
  command: Command,
  hear: (stream: 'stdout' | 'stderr', text: string) => void,
  end: (ending: Ending) => void,
): ChildProcess {
  const child = idle.pop() ?? start();
  const streams = ['stdout', 'stderr'] as const;
  const held = { stdout: '', stderr: '' };
  const codes: number[] = [];
  const finish = (ending: Ending) => {
    for (const name of streams) child[name]!.removeAllListeners('data');
    child.removeAllListeners('close');
    end(ending);
  };
  for (const name of streams)
    child[name]!.on('data', (text: string) => {
      const said = held[name] + text;
      const ended = ENDED.exec(said);
      const from = ended?.index ?? said.indexOf('\0');
      held[name] = !ended && from >= 0 ? said.slice(from) : '';
      hear(name, from < 0 ? said : said.slice(0, from));
      if (ended) codes.push(Number(ended[1]));
      if (codes.length < streams.length) return;
      if (!condemned.has(child)) idle.push(child);
      finish({ code: codes[0]!, signal: null });
    });
  child.on('close', (code, signal) => {
    for (const name of streams) hear(name, held[name]);
    finish({ code, signal });
  });
  child.send({ ...command, umask: process.umask() });
  return child;
}

/** A process that is killed while its command ends is about to die, and gets no other command. */
export function signalKept(child: ChildProcess, signal: NodeJS.Signals): void {
  if (signal === 'SIGKILL') condemned.add(child);
  child.kill(signal);
}

function start(): ChildProcess {
  const child = fork(PROGRAM, {
    execArgv: [],
    env: { PATH: process.env['PATH'] ?? '' },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  for (const stream of [child.stdout!, child.stderr!]) stream.setEncoding('utf8');
  child.on('error', () => {}); // a process that was killed cannot get a command; its end is reported instead
  child.on('exit', () => {
    all.delete(child);
    if (idle.includes(child)) idle.splice(idle.indexOf(child), 1);
  });
  all.add(child);
  return child;
}

/** Ends all these processes, also those that run a command. */
export async function endKept(): Promise<void> {
  await Promise.all(
    [...all].map((child) => {
      child.kill('SIGKILL');
      return new Promise((gone) => child.once('exit', gone));
    }),
  );
}
