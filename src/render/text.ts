// The run as people watch it: lines, and on a terminal a bar below them. Never puts a carriage return into a log.

import { Chalk, type ChalkInstance } from 'chalk';
import { SingleBar } from 'cli-progress';
import { LmError } from '../errors.js';
import { messageOf } from './json.js';
import { type Line, linesOf, out, problem, type Tone } from './lines.js';
import { Meter } from './meter.js';
import type { Output } from './output.js';
import { barLine, logLine } from './progress-line.js';
import type { Renderer } from './renderer.js';

const LOG_EVERY_MS = 5_000;
const BAR_FRAMES_PER_SECOND = 5;

export interface TextOptions {
  stdout: Output;
  problems: Problems;
  level: 0 | 1;
  quiet: boolean;
  verbose: boolean;
  now: () => number;
  /** Draw a bar; else a line every few seconds. */
  bar: boolean;
}

export function textRenderer(options: TextOptions): Renderer {
  const { stdout, problems, level, quiet, verbose, now } = options;
  const chalk = new Chalk({ level });
  const ticker = quiet ? undefined : options.bar ? barTicker(stdout, now) : logTicker(stdout, now);

  const print = (lines: Line[]): void => {
    if (lines.length === 0) return;
    ticker?.clear();
    for (const line of lines) {
      if (line.to === 'stderr') problems.print(line);
      else stdout.write(`${paint(chalk, line)}\n`);
    }
  };

  return {
    emit(event) {
      print(linesOf(event, { quiet, verbose }));
      if (event.type === 'progress') ticker?.progress(event);
      else if (ENDS_PROGRESS.has(event.type)) ticker?.stop();
    },
    say(_type, _fields, lines) {
      print(lines.map((text) => out(text)));
    },
    fail(error, _exitCode) {
      ticker?.stop();
      problems.fail(error);
    },
    close() {
      ticker?.stop();
    },
  };
}

/** A phase that moves bytes ends with the next phase or with the run. */
const ENDS_PROGRESS: ReadonlySet<string> = new Set(['phase', 'iteration-ended', 'copy-ended', 'verify-ended']);

/** Shows progress between the lines. */
interface Ticker {
  progress(event: Parameters<Meter['add']>[0]): void;
  /** Makes room for a line; the progress comes back by itself. */
  clear(): void;
  stop(): void;
}

/** A bar that is taken down for every line and drawn again below it. */
function barTicker(stdout: Output, now: () => number): Ticker {
  const meter = new Meter();
  let bar: SingleBar | undefined;
  const width = () => stdout.columns - 1; // the last column would make some terminals wrap
  const format = () => barLine(meter.read(now())!, width());
  const stop = () => {
    bar?.stop();
    bar = undefined;
  };
  return {
    progress(event) {
      meter.add(event, now());
      bar?.update(event.bytesDone);
      bar ??= startBar(stdout, format);
    },
    clear: stop,
    stop,
  };
}

/**
 * cli-progress draws, redraws at its own pace and erases; the text is ours. `linewrap: true` means "trim to the width": it
 * leaves the terminal's own modes alone, so that a killed run leaves no terminal without wrapping or cursor.
 */
function startBar(stdout: Output, format: () => string): SingleBar {
  const stream = {
    isTTY: true,
    get columns() {
      return stdout.columns;
    },
    write: (text: string) => stdout.write(text),
  };
  const bar = new SingleBar({
    stream: stream as unknown as NodeJS.WritableStream,
    format,
    fps: BAR_FRAMES_PER_SECOND,
    clearOnComplete: true,
    gracefulExit: false,
    hideCursor: false,
    linewrap: true,
  });
  bar.start(1, 0);
  return bar;
}

/** Whole lines every few seconds; a run that stalls goes on saying so. */
function logTicker(stdout: Output, now: () => number): Ticker {
  const meter = new Meter();
  let timer: NodeJS.Timeout | undefined;
  const tick = () => stdout.write(`${logLine(meter.read(now())!)}\n`);
  const stop = () => {
    clearInterval(timer);
    timer = undefined;
  };
  return {
    progress(event) {
      meter.add(event, now());
      timer ??= setInterval(tick, LOG_EVERY_MS).unref();
    },
    clear() {},
    stop,
  };
}

/** Problems go to stderr as text, whatever stdout speaks. */
export interface Problems {
  print(line: Line): void;
  warn(text: string): void;
  fail(error: unknown): void;
}

export function problemPrinter(stderr: Output, level: 0 | 1): Problems {
  const chalk = new Chalk({ level });
  const print = (line: Line): void => stderr.write(`${paint(chalk, line)}\n`);
  return {
    print,
    warn: (text) => problem('warning', text, undefined, 'warn').forEach(print),
    fail: (error) => failure(error).forEach(print),
  };
}

/** Message, details, hint; a bug shows its stack instead, for whoever will mend it. */
function failure(error: unknown): Line[] {
  if (!(error instanceof LmError)) {
    const stack = error instanceof Error ? (error.stack ?? '') : '';
    const lines = problem('error', `a bug in lm: ${messageOf(error)}`, 'please report it with the lines below', 'bad');
    return [
      ...lines,
      ...stack
        .split('\n')
        .slice(1)
        .map((text): Line => ({ to: 'stderr', text, tone: 'faint' })),
    ];
  }
  const [first, ...rest] = problem('error', error.message, error.hint, 'bad');
  return [first!, ...error.details.map((text): Line => ({ to: 'stderr', text: `  ${text}`, tone: 'plain' })), ...rest];
}

function paint(chalk: ChalkInstance, { text, tone }: Line): string {
  return COLORS[tone](chalk, oneLine(text));
}

const COLORS: Record<Tone, (chalk: ChalkInstance, text: string) => string> = {
  plain: (_, text) => text,
  faint: (chalk, text) => chalk.dim(text),
  good: (chalk, text) => chalk.green(text),
  warn: (chalk, text) => chalk.yellow(text),
  bad: (chalk, text) => chalk.red(text),
};

/** Names are escaped where they enter a line; this is for what came in a message, so that nothing can move the cursor. */
const oneLine = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ');
