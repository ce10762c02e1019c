// The interface of renderers, which print a run for people or for programs. create-renderer.ts creates them.

import type { Emit } from '../events.js';

export interface Renderer {
  emit: Emit;
  /**
   * For commands that print an answer rather than a run: `lines` for people, `fields` for programs.
   * The type `summary` is the answer itself, and is printed once; any other type is a line before it.
   */
  print(type: string, fields: Record<string, unknown>, lines: string[]): void;
  /**
   * Must be called when the command is over, however it ended: removes the bar, and writes the JSON summary if there is one.
   * When an error ends a command, main.ts prints the error and the summary.
   */
  close(): void;
}
