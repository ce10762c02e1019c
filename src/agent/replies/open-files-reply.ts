// Who on this host has files of the roots open for writing, or may be the service by its ports, and what the operator's own check
// says → a Reply. Judges nothing: whether that matters is the client's to say.

import { HOT_TYPES } from '../../files/entry.js';
import type { Roots } from '../../files/roots.js';
import { findOpenFiles } from '../../linux/open-files.js';
import { findOutsideFiles } from '../../linux/outside-files.js';
import { findServiceListeners, type GuardedPort, lookUpPorts, type ServicePort } from '../../linux/service-ports.js';
import { findWrittenFiles } from '../../linux/written-files.js';
import { type Filter, isKeyExcluded } from '../../patterns/filter.js';
import { oneAtATime } from '../../threads/in-turns.js';
import { SEALED_TYPE, sealed } from '../../wire/line-seals.js';
import { MAX_HOT_FILES, type OpenFilesReport } from '../../wire/messages.js';
import { keepAlive } from '../keep-alive.js';
import type { Reply } from '../reply.js';
import type { AtRestCheck } from './at-rest-check.js';

export interface OpenFilesSetup {
  /** What the service listens on while it runs. */
  ports: readonly ServicePort[];
  atRestCheck: AtRestCheck | undefined;
}

/** `check`: for a final pass, which runs the operator's command as well. `hot`: for a pass below 1.0, which leaves such files out. */
export function createOpenFiles(
  roots: Roots,
  excludes: Filter,
  { ports, atRestCheck }: OpenFilesSetup,
): (asked: { check?: boolean; hot?: boolean }) => Promise<Reply> {
  let guarded: Promise<GuardedPort[]> | undefined;

  async function report(hot: boolean): Promise<OpenFilesReport> {
    guarded ??= lookUpPorts(ports);
    const { hidden, isComplete, outside, uninspected, writers } = await findWriters(roots, excludes);
    const { suspects } = await findServiceListeners(await guarded, isComplete);
    const listeners = suspects.map(({ address, port, process, name, why }) => ({
      ...{ address, port, name, why },
      ...(process && { process }),
    }));
    return {
      writers,
      uninspected,
      outside,
      inspection: { complete: isComplete, hidden },
      ports: { guarded: ports.length, listeners },
      ...(hot && { hot: await findHotFiles(roots) }),
    };
  }

  const plain = oneAtATime(() => report(false));
  const withHot = oneAtATime(() => report(true));

  return async ({ check, hot }) => {
    const found = await (hot ? withHot() : plain()); // a failure of this is an answer of its own
    if (!check || !atRestCheck) return linesReply(lineOf(found));
    const whole = atRestCheck.run().then((outcome) => ({ ...found, check: outcome }));
    whole.catch(() => {}); // the client may have left before it would have heard of that
    return linesReply(keepAlive(lineOf(whole), () => WAITING));
  };
}

const linesReply = (lines: AsyncGenerator<Uint8Array>): Reply => ({
  status: 200,
  headers: { 'content-type': SEALED_TYPE },
  body: sealed(lines),
});

/** Only who asks for the check is told so: others take the first line for the report. */
const WAITING = `${JSON.stringify({ type: 'progress' })}\n`;

async function* lineOf(report: OpenFilesReport | Promise<OpenFilesReport>): AsyncGenerator<Uint8Array> {
  yield Buffer.from(`${JSON.stringify(await report)}\n`);
}

/** Without what is excluded, as far as a process calls it by the name it has here: a log may go on being written. */
async function findWriters(roots: Roots, excludes: Filter) {
  const isExcluded = (path: string): boolean =>
    roots.some((root) => path.startsWith(`${root.path}/`) && isKeyExcluded(excludes, keyIn(root, path)));
  const { holders, ...rest } = await findOpenFiles(
    roots.map((root) => root.path),
    isExcluded,
  );
  const writers = holders
    .filter(({ access }) => access === 'write')
    .map(({ pid, command, path }) => ({ pid, command, path }));
  return { writers, outside: await findOutsideFiles(holders, roots), ...rest };
}

async function findHotFiles(roots: Roots): Promise<NonNullable<OpenFilesReport['hot']>> {
  const keys = new Map(roots.filter(({ type }) => HOT_TYPES.includes(type)).map(({ key, path }) => [path, key]));
  const { files, more } = await findWrittenFiles([...keys.keys()], MAX_HOT_FILES);
  return { files: files.map(({ directory, path, ino }) => [`${keys.get(directory)}/${path}`, ino]), more };
}

const keyIn = ({ key, path }: Roots[number], file: string): string => key + file.slice(path.length);
