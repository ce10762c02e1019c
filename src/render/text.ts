// Prints a run for people: lines, and on a terminal a progress bar below them. Without a terminal no carriage return is written.

import { Chalk, type ChalkInstance } from 'chalk';
import { SingleBar } from 'cli-progress';
import { formatEntries } from '../amounts.js';
import type { Event } from '../events.js';
import { type Line, linesOf, out, type Tone } from './lines.js';
import { Meter } from './meter.js';
import type { Output } from './output.js';
import { barLine, logLine } from './progress-line.js';
import type { Renderer } from './renderer.js';

const LOG_EVERY_MS = 5_000;
const BAR_FRAMES_PER_SECOND = 5;

interface TextOptions {
  stdout: Output;
  /** Prints to stdout. */
  lines: PrintLine;
  /** Prints to stderr. */
  problems: PrintLine;
  quiet: boolean;
  verbose: boolean;
  now: () => number;
  /** Draw a bar; else a line every few seconds. */
  bar: boolean;
}

export function textRenderer(options: TextOptions): Renderer {
  const { stdout, quiet, verbose, now } = options;
  const ticker = quiet ? undefined : options.bar ? barTicker(stdout, now) : logTicker(stdout, now);

  const print = (lines: Line[]): void => {
    if (lines.length === 0) return;
    ticker?.clear();
    for (const line of lines) (line.to === 'stderr' ? options.problems : options.lines)(line);
  };

  return {
    emit(event) {
      print(linesOf(event, { quiet, verbose }));
      if (event.type === 'progress') ticker?.progress(event);
      else if (event.type === 'listing') ticker?.count(countLine(event));
      else if (ENDS_PROGRESS.has(event.type)) ticker?.stop();
    },
    print(_type, _fields, lines) {
      print(lines.map((text) => out(text)));
    },
    close() {
      ticker?.stop();
    },
  };
}

/** Events that end a phase with progress: its result, what comes next, or the end of the run. */
const ENDS_PROGRESS: ReadonlySet<string> = new Set([
  'phase',
  'listed',
  'post-check-began',
  'iteration-ended',
  'copy-ended',
  'verify-ended',
]);

/** Shows progress between the lines. */
interface Ticker {
  progress(event: Parameters<Meter['add']>[0]): void;
  /** Instead of progress, where the total is not known. */
  count(text: string): void;
  /** Removes the progress before a line is printed; it is drawn again by itself. */
  clear(): void;
  stop(): void;
}

/** A bar that is removed before every line and drawn again below it. */
function barTicker(stdout: Output, now: () => number): Ticker {
  const meter = new Meter();
  let bar: SingleBar | undefined;
  let counted: string | undefined;
  const width = () => stdout.columns - 1; // the last column would make some terminals wrap
  const format = () => counted?.slice(0, width()) ?? barLine(meter.read(now())!, width());
  const stop = () => {
    bar?.stop();
    bar = undefined;
  };
  return {
    progress(event) {
      counted = undefined;
      meter.add(event, now());
      bar?.update(event.bytesDone);
      bar ??= startBar(stdout, format);
    },
    count(text) {
      counted = text;
      bar ??= startBar(stdout, format);
    },
    clear: stop,
    stop,
  };
}

/**
 * cli-progress draws, redraws at `fps` and erases; `format` makes the text. `linewrap: true` means "trim to the width": it does not
 * change the modes of the terminal, so that a killed run leaves no terminal without wrapping or cursor.
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

/** Whole lines every few seconds, also while a run stalls. */
function logTicker(stdout: Output, now: () => number): Ticker {
  const meter = new Meter();
  let timer: NodeJS.Timeout | undefined;
  let counted: string | undefined;
  const tick = () => stdout.write(`${counted ?? logLine(meter.read(now())!)}\n`);
  const stop = () => {
    clearInterval(timer);
    timer = undefined;
  };
  return {
    progress(event) {
      counted = undefined;
      meter.add(event, now());
      timer ??= setInterval(tick, LOG_EVERY_MS).unref();
    },
    count(text) {
      counted = text;
      timer ??= setInterval(tick, LOG_EVERY_MS).unref();
    },
    clear() {},
    stop,
  };
}

/** `listing: 1200000 entries at the source, 3 here` */
const countLine = ({ source, destination }: Extract<Event, { type: 'listing' }>): string =>
  `listing: ${formatEntries(source)} at the source, ${destination} here`;

export type PrintLine = (line: Line) => void;

export function linePrinter(output: Output, level: 0 | 1): PrintLine {
  const chalk = new Chalk({ level });
  return ({ text, tone }) => output.write(`${COLORS[tone](chalk, oneLine(text))}\n`);
}

const COLORS: Record<Tone, (chalk: ChalkInstance, text: string) => string> = {
  plain: (_, text) => text,
  faint: (chalk, text) => chalk.dim(text),
  good: (chalk, text) => chalk.green(text),
  warn: (chalk, text) => chalk.yellow(text),
  bad: (chalk, text) => chalk.red(text),
};

/** Names are escaped where a line is made; this keeps control characters in other texts from moving the cursor. */
const oneLine = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ');
