// Processes that run one `lm` after another: most of what a short command costs is the start of its process.

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('./kept-process.js', import.meta.url));

/** What a process writes on both of its streams after all that a command has written, and the exit code of that. */
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
 * Runs a command in a process that runs no other now. `hear` gets what the command writes; `end` is called once, after that, when the
 * command has ended or its process has.
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

/** One that is killed as its command ends is about to die, and takes no other. */
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
  child.on('error', () => {}); // one that was killed hears no command: its end is what is told
  child.on('exit', () => {
    all.delete(child);
    if (idle.includes(child)) idle.splice(idle.indexOf(child), 1);
  });
  all.add(child);
  return child;
}

/** Ends all that run no command, and those too that do. */
export async function endKept(): Promise<void> {
  await Promise.all(
    [...all].map((child) => {
      child.kill('SIGKILL');
      return new Promise((gone) => child.once('exit', gone));
    }),
  );
}
