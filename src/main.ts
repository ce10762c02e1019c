// argv, streams and signals in, exit code out. The only file that touches `process`; prints the last error, does no work.

import { readFileSync } from 'node:fs';
import { LmError } from './errors.js';
import { EXIT } from './exit-codes.js';
import type { Io } from './io.js';
import { type Telling, tell } from './last-error.js';
import { toggle } from './settings/kinds.js';
import type { CommandName } from './settings/options.js';
import type { Stated } from './settings/stated.js';

/** What every src/commands/NAME.ts exports; the number is the exit code. */
export interface CommandModule {
  run(stated: Stated, io: Io): Promise<number>;
}

/** Never throws. With an `io` of its own, it leaves the process alone. */
export async function main(argv: readonly string[], io?: Io): Promise<number> {
  if (io) return run(argv, io);
  const stop = stopOnSignals();
  const broken = hearBrokenOutput();
  const { stdout, stderr, env } = process;
  const code = await run(argv, { stdout, stderr, env, cwd: process.cwd(), signal: stop.signal });
  stop.release();
  const failure = await broken();
  if (code !== EXIT.ok || !failure) return code;
  return tell(failure, { prefix: 'lm', json: false, run: null }, { stdout, stderr });
}

async function run(argv: readonly string[], io: Io): Promise<number> {
  const json = argv.includes('--json') || toggle.parse(io.env.LM_JSON ?? '', '') === true;
  const telling: Telling = { prefix: 'lm', json, run: null };
  try {
    if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
      io.stdout.write(`${version()}\n`); // without a parser: a quick answer is a promise
      return EXIT.ok;
    }
    const { parseArguments } = await import('./cli.js');
    const invocation = parseArguments(argv, { stdout: io.stdout, stderr: io.stderr, version: version() });
    if (typeof invocation === 'number') return invocation;
    telling.prefix = `lm ${invocation.command}`;
    const [{ readStated }, { pick }] = await Promise.all([
      import('./settings/stated.js'),
      import('./settings/layers.js'),
    ]);
    const stated = await readStated(invocation, io.env, io.cwd);
    telling.json = pick(stated.layers, 'json');
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
  'config show': () => import('./commands/config.js'),
  demo: () => import('./commands/demo.js'),
};

const version = (): string =>
  (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }).version;

/** What was aborted by a signal fails in many ways; the signal is the reason all the same. */
function whyStopped(error: unknown, signal: AbortSignal): unknown {
  return signal.aborted && error instanceof Error && error.name === 'AbortError' ? signal.reason : error;
}

const HINT = 'run the same command again; a copy goes on from here';

/** The first SIGINT or SIGTERM asks for an orderly end; the second has its usual effect, at once. */
function stopOnSignals(): { signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const stop = (name: NodeJS.Signals): void => {
    release();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, again);
    const [code, message] =
      name === 'SIGINT' ? (['interrupted', 'interrupted'] as const) : (['terminated', 'terminated'] as const);
    controller.abort(new LmError(code, message, { hint: HINT }));
  };
  const again = (name: NodeJS.Signals): void => {
    release();
    process.kill(process.pid, name);
  };
  const release = (): void => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stop).off(signal, again);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop);
  return { signal: controller.signal, release };
}

/** A reader that goes away stops nothing. Any other failure of stdout is kept, to be told at the end. */
function hearBrokenOutput(): () => Promise<LmError | undefined> {
  let failure: NodeJS.ErrnoException | undefined;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_DESTROYED') failure ??= error;
  });
  process.stderr.on('error', () => {}); // there is nobody left to tell
  return async () => {
    await new Promise((done) => process.stdout.write('', done)); // a failure is told only after the write that met it
    return failure && new LmError('local', `cannot write to standard output: ${failure.code}`, { cause: failure });
  };
}
