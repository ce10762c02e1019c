// Creates the renderer that the flags ask for: text for people or JSON for programs.

import { type ColorChoice, colorLevel } from './color.js';
import { jsonRenderer } from './json.js';
import { linesOf } from './lines.js';
import { type OutputStream, safeOutput } from './output.js';
import type { Renderer } from './renderer.js';
import { linePrinter, type PrintLine, textRenderer } from './text.js';

export interface RendererOptions {
  json: boolean;
  quiet: boolean;
  verbose: boolean;
  color: ColorChoice;
  stdout: OutputStream;
  stderr: OutputStream;
  /** Only NO_COLOR and TERM are read. */
  env: Record<string, string | undefined>;
  /** Milliseconds since the epoch; used for every rate and every `ts`. */
  now?: () => number;
}

export function createRenderer(options: RendererOptions): Renderer {
  const { json, quiet, verbose, env, now = Date.now } = options;
  const stdout = safeOutput(options.stdout);
  const stderr = safeOutput(options.stderr);
  const problems = linePrinter(stderr, colorLevel(options.color, env, stderr.isTTY));
  if (json) return withProblems(jsonRenderer(stdout, { quiet, verbose, now }), problems);
  const lines = linePrinter(stdout, colorLevel(options.color, env, stdout.isTTY));
  return textRenderer({ stdout, lines, problems, quiet, verbose, now, bar: stdout.isTTY && env['TERM'] !== 'dumb' });
}

/** JSON on stdout is for programs; stderr gets the lines about problems as well, for people at the terminal. */
function withProblems(renderer: Renderer, print: PrintLine): Renderer {
  return {
    ...renderer,
    emit(event) {
      renderer.emit(event);
      for (const line of linesOf(event, { quiet: true, verbose: false })) if (line.to === 'stderr') print(line);
    },
  };
}
