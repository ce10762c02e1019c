// Who tells a run, to people or to programs. A shape: create-renderer.ts picks one.

import type { Emit } from '../events.js';

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
