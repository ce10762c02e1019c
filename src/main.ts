// argv and streams in, exit code out. With signals.ts the only file that touches `process`; prints the last error, does no work.

import { readFileSync } from 'node:fs';
import { refuseLimitedAddressSpace } from './address-space.js';
import { LmError } from './errors.js';
import { EXIT } from './exit-codes.js';
import type { Io } from './io.js';
import { type Telling, tell, warn } from './last-error.js';
import { toggle } from './settings/kinds.js';
import type { CommandName } from './settings/options.js';
import type { Stated } from './settings/stated.js';
import { hearSignals, watchTerminal } from './signals.js';

/** What every src/commands/NAME.ts exports; the number is the exit code. */
export interface CommandModule {
  run(stated: Stated, io: Io): Promise<number>;
}

/** Never throws. With an `io` of its own, it leaves the process alone. */
export async function main(argv: readonly string[], io?: Io): Promise<number> {
  if (io) return run(argv, io);
  process.umask(process.umask() & 0o077); // one that takes from the owner would close lm's own records to it
  const terminal = watchTerminal();
  const { signal, onHangup, release } = hearSignals(terminal);
  const broken = hearBrokenOutput();
  const { stdout, stderr, env } = process;
  const own: Io = {
    stdout,
    stderr,
    env,
    signal,
    onHangup,
    get cwd() {
      return workingDirectory();
    },
  };
  const code = await run(argv, own);
  release();
  const failure = await broken();
  terminal.close();
  if (code !== EXIT.ok || !failure) return code;
  return tell(failure, { prefix: 'lm', json: false, run: null }, { stdout, stderr });
}

/** Asked for by each command, `--help` and `--version` aside. It may be gone, or lie where its user may not look. */
function workingDirectory(): string {
  try {
    return process.cwd();
  } catch (cause) {
    const message = `the working directory cannot be looked at: ${(cause as NodeJS.ErrnoException).code}`;
    throw new LmError('usage', message, { cause, hint: 'cd to a directory that is there' });
  }
}

async function run(argv: readonly string[], io: Io): Promise<number> {
  const json = argv.includes('--json') || toggle.parse(io.env['LM_JSON'] ?? '', '') === true;
  const telling: Telling = { prefix: 'lm', json, run: null };
  try {
    if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
      io.stdout.write(`${version()}\n`); // without a parser: a quick answer is a promise
      return EXIT.ok;
    }
    const { parseArguments } = await import('./cli/parse.js');
    const invocation = parseArguments(argv, { stdout: io.stdout, stderr: io.stderr, version: version() });
    if (typeof invocation === 'number') return invocation;
    telling.prefix = `lm ${invocation.command}`;
    const [{ readStated }, { pick }] = await Promise.all([
      import('./settings/stated.js'),
      import('./settings/layers.js'),
    ]);
    const stated = await readStated(invocation, io.env, io.cwd);
    telling.json = pick(stated.layers, 'json');
    for (const text of stated.warnings) warn(text, telling, io);
    if (!WITHOUT_THREADS.has(invocation.command)) refuseLimitedAddressSpace();
    const command = await COMMAND_MODULES[invocation.command]();
    const begun = (run: string): void => {
      telling.run = run;
    };
    return await command.run(stated, { ...io, begun });
  } catch (error) {
    return tell(whyStopped(error, io.signal), telling, io);
  }
}

/** Only the command that was asked for is loaded, with all it needs. */
const COMMAND_MODULES: Record<CommandName, () => Promise<CommandModule>> = {
  serve: () => import('./commands/serve.js'),
  copy: () => import('./commands/copy.js'),
  verify: () => import('./commands/verify.js'),
  complete: () => import('./commands/complete.js'),
  reset: () => import('./commands/reset.js'),
  status: () => import('./commands/status.js'),
  instances: () => import('./commands/instances.js'),
  'config show': () => import('./commands/config.js'),
  demo: () => import('./commands/demo.js'),
};

const WITHOUT_THREADS: ReadonlySet<CommandName> = new Set(['reset', 'instances', 'config show']);

const version = (): string =>
  (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }).version;

/** What was aborted by a signal fails in many ways; the signal is the reason all the same. */
function whyStopped(error: unknown, signal: AbortSignal): unknown {
  return signal.aborted && error instanceof Error && error.name === 'AbortError' ? signal.reason : error;
}

/** A reader or a terminal that goes away stops nothing. Any other failure of stdout is kept, to be told at the end. */
function hearBrokenOutput(): () => Promise<LmError | undefined> {
  let failure: NodeJS.ErrnoException | undefined;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    const isGone = error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED';
    if (!isGone && !(error.code === 'EIO' && process.stdout.isTTY)) failure ??= error;
  });
  process.stderr.on('error', () => {}); // there is nobody left to tell
  return async () => {
    await new Promise((done) => process.stdout.write('', done)); // a failure is told only after the write that met it
    return failure && new LmError('local', `cannot write to standard output: ${failure.code}`, { cause: failure });
  };
}
