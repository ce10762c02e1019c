// Picks who tells the run: text for people, JSON for programs. Knows flags and streams, and no event.

import { type ColorChoice, colorLevel } from './color.js';
import { jsonRenderer } from './json.js';
import { linesOf } from './lines.js';
import { guard, type OutputStream } from './output.js';
import type { Renderer } from './renderer.js';
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

export function createRenderer(options: RendererOptions): Renderer {
  const { json, quiet, verbose, env, now = Date.now } = options;
  const stdout = guard(options.stdout);
  const stderr = guard(options.stderr);
  const problems = linePrinter(stderr, colorLevel(options.color, env, stderr.isTTY));
  if (json) return withProblems(jsonRenderer(stdout, { quiet, verbose, now }), problems);
  const lines = linePrinter(stdout, colorLevel(options.color, env, stdout.isTTY));
  return textRenderer({ stdout, lines, problems, quiet, verbose, now, bar: stdout.isTTY && env['TERM'] !== 'dumb' });
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
