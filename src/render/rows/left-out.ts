// Formats, for the summary of a run, what it left out, which attributes cannot be kept, and which roots --without left out.

import { formatBytes, formatCount } from '../../amounts.js';
import { printable } from '../../errors.js';
import type { DirType } from '../../files/entry.js';
import type { CopyReport } from '../../report/copy-report.js';
import type { LeftOut, Named } from '../../report/parts.js';

const LEFT_OUT: [keyof LeftOut, title: string, one: string, several: string][] = [
  ['special', 'not copied', 'socket, pipe or device at the source', 'sockets, pipes or devices at the source'],
  ['excludedAtSource', 'excluded', 'at the source', 'at the source'],
  ['excludedHere', 'excluded', 'here', 'here'],
  ['shielded', 'left here', 'directory that holds something excluded', 'directories that hold something excluded'],
  [
    'stale',
    'unfinished',
    'part of an earlier copy, of no use any more',
    'parts of an earlier copy, of no use any more',
  ],
  [
    'setuid',
    'not set',
    'program that is setuid or setgid at the source (--keep-setuid)',
    'programs that are setuid or setgid at the source (--keep-setuid)',
  ],
  [
    'hardLinks',
    'hard links',
    'name at the source of a file that has several; it becomes a file of its own',
    'names at the source of files that have several; each becomes a file of its own',
  ],
  [
    'linksOut',
    'links out',
    'symbolic link that leads out of the roots here; what it leads to is not copied',
    'symbolic links that lead out of the roots here; what they lead to is not copied',
  ],
];

const holesRow = (holes: LeftOut['holes']): [string, string][] =>
  holes === undefined
    ? []
    : [
        [
          'filled',
          `${formatCount(holes.entries, 'file that takes up', 'files that take up')} ${formatBytes(holes.bytes)} less than ${holes.entries === 1 ? 'its' : 'their'} size at the source: ${namesOf(holes)}`,
        ],
      ];

export const leftOutRows = (leftOut: CopyReport['leftOut']): [string, string][] => [
  ...LEFT_OUT.flatMap(([name, title, one, several]): [string, string][] => {
    const { entries, first } = leftOut?.[name] ?? { entries: 0, first: [] };
    return entries === 0 ? [] : [[title, `${formatCount(entries, one, several)}: ${namesOf({ entries, first })}`]];
  }),
  ...holesRow(leftOut?.holes),
];

const NOT_KEPT = { times: 'time', modes: 'mode', owners: 'owner' } as const;

/** One row per attribute, then the first causes. */
export function notKeptRows(notKept: CopyReport['notKept']): [string, string][] {
  if (!notKept) return [];
  const kinds = Object.keys(NOT_KEPT) as (keyof typeof NOT_KEPT)[];
  const rows = kinds
    .filter((kind) => notKept[kind].entries > 0)
    .map((kind): [string, string] => {
      const { entries } = notKept[kind];
      return [
        'not kept',
        `${entries} ${entries === 1 ? NOT_KEPT[kind] : kind} that cannot be kept here: ${namesOf(notKept[kind])}`,
      ];
    });
  return [...rows, ...notKept.causes.slice(0, NAMED).map((cause): [string, string] => ['because', printable(cause)])];
}

/** `--json` has more. */
const NAMED = 3;

export const namesOf = ({ entries, first }: Named): string =>
  first.slice(0, NAMED).map(printable).join(', ') + (entries > NAMED ? ', …' : '');

/** Printed so that nobody takes a partial copy for a full one. */
export const withoutLines = (without: readonly DirType[] = []): string[] =>
  without.length === 0 ? [] : [`without ${without.join(', ')}: what they hold is not here`];
