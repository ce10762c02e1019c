// Picks who tells the run: text for people, JSON for programs. Knows flags and streams, and no event.

import type { Emit } from '../events.js';
import { type ColorChoice, colorLevel } from './color.js';
import { jsonRenderer } from './json.js';
import { linesOf } from './lines.js';
import { guard, type OutputStream } from './output.js';
import { linePrinter, type PrintLine, textRenderer } from './text.js';

export interface RendererOptions {
  json: boolean;
  quiet: boolean;
  verbose: boolean;
  color: ColorChoice;
  stdout: OutputStream;
  stderr: OutputStream;
  /** NO_COLOR and TERM are looked at. */
  env: Record<string, string | undefined>;
  /** Milliseconds since the epoch; the clock of every rate and every `ts`. */
  now?: () => number;
}

export interface Renderer {
  emit: Emit;
  /**
   * For commands that have an answer rather than a run: `lines` for people, `fields` for programs.
   * The type `summary` is the answer itself and is told once; any other type is a line in between.
   */
  say(type: string, fields: Record<string, unknown>, lines: string[]): void;
  /**
   * Must be called when the command is over, however it ended: takes the bar down, and writes the JSON summary if there was
   * an end to sum up. An error that ends a command is main's to tell, and its summary too.
   */
  close(): void;
}

export function createRenderer(options: RendererOptions): Renderer {
  const { json, quiet, verbose, env, now = Date.now } = options;
  const stdout = guard(options.stdout);
  const stderr = guard(options.stderr);
  const problems = linePrinter(stderr, colorLevel(options.color, env, stderr.isTTY));
  if (json) return withProblems(jsonRenderer(stdout, { quiet, verbose, now }), problems);
  const lines = linePrinter(stdout, colorLevel(options.color, env, stdout.isTTY));
  return textRenderer({ stdout, lines, problems, quiet, verbose, now, bar: stdout.isTTY && env.TERM !== 'dumb' });
}

/** JSON speaks to programs, but whoever looks at the terminal is told of problems all the same. */
function withProblems(renderer: Renderer, print: PrintLine): Renderer {
  return {
    ...renderer,
    emit(event) {
      renderer.emit(event);
      for (const line of linesOf(event, { quiet: true, verbose: false })) if (line.to === 'stderr') print(line);
    },
  };
}
