// The refusal of a source whose service keeps files where no root is. Looks at no process: what was found comes from either side.

import { LmError, printable } from '../errors.js';
import type { DirType } from '../files/entry.js';
import { yamlLine } from '../files/roots.js';
import type { OutsideFile } from '../linux/outside-files.js';

/** At the source itself, all that it serves is known, and so is the whole command line. */
export interface Served {
  roots: readonly { type: DirType; path: string }[];
  yaml: string | undefined;
}

/** `usage`, because it is the settings that lack a directory; undefined when nothing was found. */
export function outsideError(found: readonly OutsideFile[] | undefined, served?: Served): LmError | undefined {
  const [first, ...rest] = found ?? [];
  if (!first) return undefined;
  const files = [first, ...rest];
  const flags = files.map(({ type, dir }) => `--root ${printable(`${type}=${dir}`)}`).join(' ');
  const lines = files.map(({ type, dir }) => `\`${printable(yamlLine(type, dir))}\``).join(', ');
  return new LmError('usage', `${lineOf(first)}, which lies in no root`, {
    details: rest.slice(0, SHOWN).map((file) => `${lineOf(file)}, which lies in no root either`),
    hint: served
      ? hintHere(files, served, flags, lines)
      : `serve it there: lm serve with ${flags} (in cassandra.yaml: ${lines}), and the same here`,
  });
}

const SHOWN = 10;

const lineOf = ({ command, pid, path }: OutsideFile): string =>
  `${printable(command)} (pid ${pid}) has ${printable(path)} open`;

function hintHere(files: readonly OutsideFile[], { roots, yaml }: Served, flags: string, lines: string): string {
  if (yaml === undefined) return `add ${flags}`;
  const replaced = (type: DirType): boolean => type !== 'data' && files.some((file) => file.type === type);
  const others = roots
    .filter(({ type }) => !replaced(type))
    .map(({ type, path }) => `--root ${printable(`${type}=${path}`)}`);
  return `this is not what ${printable(yaml)} says: put ${lines} there, or name all roots instead of the file: ${[...others, flags].join(' ')}`;
}
