// Runs the command that argv names, and returns its exit code. Only this file and signals.ts touch the global `process`.

import { setFlagsFromString } from 'node:v8';
import { refuseLimitedAddressSpace } from './address-space.js';
import { LmError } from './errors.js';
import { EXIT } from './exit-codes.js';
import type { Io } from './io.js';
import { printWarning, type ReportContext, reportError } from './last-error.js';
import type { CommandName } from './settings/options.js';
import type { Stated } from './settings/stated.js';
import { toggle } from './settings/types.js';
import { handleSignals, watchTerminal } from './signals.js';
import { version } from './version.js';

/** What every src/commands/NAME.ts exports; the number is the exit code. */
interface CommandModule {
  run(stated: Stated, io: Io): Promise<number>;
}

/** Never throws. With an `io` given, it does not touch the process. */
export async function main(argv: readonly string[], io?: Io): Promise<number> {
  if (io) return run(argv, io);
  setFlagsFromString(HEAP_GROWTH);
  process.umask(process.umask() & 0o077); // a umask that masks the owner's bits would make lm's own records unreadable to lm
  const terminal = watchTerminal();
  const { signal, onHangup, release } = handleSignals(terminal);
  const outputFailure = watchOutput();
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
  const failure = await outputFailure();
  terminal.close();
  if (code !== EXIT.ok || !failure) return code;
  return reportError(failure, { prefix: 'lm', json: false, run: null, source: null }, { stdout, stderr });
}

/** Left alone, V8 lets the heap of each thread grow to four times what lived at its last collection: here, to twice as much. */
const HEAP_GROWTH = '--heap-growing-percent=100';

/** Every command but `--help` and `--version` needs it. It may have been removed, or be inaccessible to this user. */
function workingDirectory(): string {
  try {
    return process.cwd();
  } catch (cause) {
    const message = `cannot read the working directory: ${(cause as NodeJS.ErrnoException).code}`;
    throw new LmError('working-directory', message, { cause, hint: 'cd to a directory that is there' });
  }
}

async function run(argv: readonly string[], io: Io): Promise<number> {
  const json = argv.includes('--json') || toggle.parse(io.env['LM_JSON'] ?? '', '') === true;
  const context: ReportContext = { prefix: 'lm', json, run: null, source: null };
  try {
    if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
      io.stdout.write(`${version()}\n`); // without loading the parser, so that the answer is quick
      return EXIT.ok;
    }
    const { parseArguments } = await import('./cli/parse.js');
    const invocation = parseArguments(argv, { stdout: io.stdout, stderr: io.stderr, version: version() });
    if (typeof invocation === 'number') return invocation;
    if ('text' in invocation) {
      io.stdout.write(await invocation.text());
      return EXIT.ok;
    }
    context.prefix = `lm ${invocation.command}`;
    const [{ readStated }, { pick }] = await Promise.all([
      import('./settings/stated.js'),
      import('./settings/layers.js'),
    ]);
    const stated = await readStated(invocation, io.env, io.cwd);
    context.json = pick(stated.layers, 'json');
    for (const text of stated.warnings) printWarning(text, context, io);
    if (!WITHOUT_THREADS.has(invocation.command)) refuseLimitedAddressSpace();
    const command = await COMMAND_MODULES[invocation.command]();
    const onRunStarted = (run: string, source: string): void => {
      Object.assign(context, { run, source });
    };
    return await command.run(stated, { ...io, onRunStarted });
  } catch (error) {
    return reportError(stopReason(error, io.signal), context, io);
  }
}

/** Only the command that was asked for is loaded, with its imports. */
const COMMAND_MODULES: Record<CommandName, () => Promise<CommandModule>> = {
  serve: () => import('./commands/serve.js'),
  copy: () => import('./commands/copy.js'),
  verify: () => import('./commands/verify.js'),
  complete: () => import('./commands/complete.js'),
  reset: () => import('./commands/reset.js'),
  status: () => import('./commands/status.js'),
  wait: () => import('./commands/wait.js'),
  limit: () => import('./commands/limit.js'),
  doctor: () => import('./commands/doctor.js'),
  instances: () => import('./commands/instances.js'),
  report: () => import('./commands/report.js'),
  'config show': () => import('./commands/config.js'),
  demo: () => import('./commands/demo.js'),
};

/** The doctor says what is wrong with the limit, and then starts none. */
const WITHOUT_THREADS: ReadonlySet<CommandName> = new Set([
  ...(['reset', 'wait', 'limit', 'doctor', 'instances', 'report', 'config show'] as const),
]);

/** Work that a signal aborts may fail with an AbortError of its own; the signal is the reason to report. */
function stopReason(error: unknown, signal: AbortSignal): unknown {
  return signal.aborted && error instanceof Error && error.name === 'AbortError' ? signal.reason : error;
}

/** A reader or a terminal that goes away stops nothing. Any other failure of stdout is kept, and reported at the end. */
function watchOutput(): () => Promise<LmError | undefined> {
  let failure: NodeJS.ErrnoException | undefined;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    const isGone = error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED';
    if (!isGone && !(error.code === 'EIO' && process.stdout.isTTY)) failure ??= error;
  });
  process.stderr.on('error', () => {}); // no stream is left on which to report it
  return async () => {
    await new Promise((done) => process.stdout.write('', done)); // 'error' is emitted only after the write that failed
    return failure && new LmError('output', `cannot write to standard output: ${failure.code}`, { cause: failure });
  };
}
