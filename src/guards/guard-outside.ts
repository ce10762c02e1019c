// Makes the refusal of a source whose service has files open outside all roots. Either side may have found those files.

import { LmError, printable } from '../errors.js';
import type { DirType } from '../files/entry.js';
import { yamlLine } from '../files/roots.js';
import type { OutsideFile } from '../linux/outside-files.js';

/** What an agent serves; known at the source alone, so that the hint can name the whole command line. */
interface Served {
  roots: readonly { type: DirType; path: string }[];
  yaml: string | undefined;
}

/** `usage`, because the settings lack a directory; undefined when no such file was found. */
export function outsideError(found: readonly OutsideFile[] | undefined, served?: Served): LmError | undefined {
  const [first, ...rest] = found ?? [];
  if (!first) return undefined;
  const files = [first, ...rest];
  const flags = files.map(({ type, dir }) => `--root ${printable(`${type}=${dir}`)}`).join(' ');
  const lines = files.map(({ type, dir }) => `\`${printable(yamlLine(type, dir))}\``).join(', ');
  return new LmError('missing-root', `${lineOf(first)}, which lies in no root`, {
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
