// Who on this host has files of the roots open for writing → a Reply. Judges nothing: whether that matters is the client's to say.

import { type Filter, isKeyExcluded } from '../files/filter.js';
import { findOpenFiles } from '../files/open-files.js';
import type { Roots } from '../files/roots.js';
import type { OpenFilesReport } from '../wire/messages.js';
import { SEALED_TYPE, sealed } from '../wire/sealed.js';
import type { Reply } from './reply.js';

/** Without what is excluded, as far as a process calls it by the name it has here: a log may go on being written. */
export async function openFilesReply(roots: Roots, excludes: Filter): Promise<Reply> {
  const isExcluded = (path: string): boolean =>
    roots.some((root) => path.startsWith(`${root.path}/`) && isKeyExcluded(excludes, keyIn(root, path)));
  const { holders, uninspected } = await findOpenFiles(
    roots.map((root) => root.path),
    isExcluded,
  );
  const writers = holders
    .filter(({ access }) => access === 'write')
    .map(({ pid, command, path }) => ({ pid, command, path }));
  const report = `${JSON.stringify({ writers, uninspected } satisfies OpenFilesReport)}\n`;
  return { status: 200, headers: { 'content-type': SEALED_TYPE }, body: sealed([Buffer.from(report)]) };
}

const keyIn = ({ key, path }: Roots[number], file: string): string => key + file.slice(path.length);
