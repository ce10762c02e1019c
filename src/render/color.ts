// Decides whether output is coloured.

export type ColorChoice = 'auto' | 'always' | 'never';

/** 1 is sixteen colours, 0 is none. `--color` decides first, then NO_COLOR (no-color.org: set and not empty), TERM=dumb, the stream. */
export function colorLevel(choice: ColorChoice, env: Record<string, string | undefined>, isTTY: boolean): 0 | 1 {
  if (choice !== 'auto') return choice === 'always' ? 1 : 0;
  return isTTY && !env['NO_COLOR'] && env['TERM'] !== 'dumb' ? 1 : 0;
}
