// Whether to colour. Colours nothing itself.

export type ColorChoice = 'auto' | 'always' | 'never';

/** The basic sixteen or none. `--color` wins; then NO_COLOR (no-color.org: set and not empty), TERM=dumb, and the stream. */
export function colorLevel(choice: ColorChoice, env: Record<string, string | undefined>, isTTY: boolean): 0 | 1 {
  if (choice !== 'auto') return choice === 'always' ? 1 : 0;
  return isTTY && !env['NO_COLOR'] && env['TERM'] !== 'dumb' ? 1 : 0;
}
