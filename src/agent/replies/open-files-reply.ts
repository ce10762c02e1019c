// Replies with what shows whether the service runs on this host: processes that have files of the roots open for writing, listeners on
// its ports, and the outcome of the operator's own check. The client judges it.

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
  /** The ports that the service listens on while it runs. */
  ports: readonly ServicePort[];
  atRestCheck: AtRestCheck | undefined;
}

/** `check`: for a final pass, the operator's command is run as well. `hot`: for a pass below 1.0, which leaves hot files out. */
export function createOpenFiles(
  roots: Roots,
  excludes: Filter,
  { ports, atRestCheck }: OpenFilesSetup,
): (options: { check?: boolean; hot?: boolean }) => Promise<Reply> {
  let guarded: Promise<GuardedPort[]> | undefined;

  async function report(hot: boolean): Promise<OpenFilesReport> {
    guarded ??= lookUpPorts(ports);
    const { hidden, isComplete, outside, uninspected, writers } = await findWriters(roots, excludes);
    const { possible } = await findServiceListeners(await guarded, isComplete);
    const listeners = possible.map(({ address, port, process, name, why }) => ({
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

  const withoutHot = oneAtATime(() => report(false));
  const withHot = oneAtATime(() => report(true));

  return async ({ check, hot }) => {
    const found = await (hot ? withHot() : withoutHot()); // before the reply begins: a failure here still gets an error reply
    if (!check || !atRestCheck) return linesReply(lineOf(found));
    const withCheck = atRestCheck.run().then((outcome) => ({ ...found, check: outcome }));
    withCheck.catch(() => {}); // the client may leave before it is awaited
    return linesReply(keepAlive(lineOf(withCheck), () => WAITING));
  };
}

const linesReply = (lines: AsyncGenerator<Uint8Array>): Reply => ({
  status: 200,
  headers: { 'content-type': SEALED_TYPE },
  body: sealed(lines),
});

/** Sent only to a client that asks for the check: any other takes the first line for the report. */
const WAITING = `${JSON.stringify({ type: 'progress' })}\n`;

async function* lineOf(report: OpenFilesReport | Promise<OpenFilesReport>): AsyncGenerator<Uint8Array> {
  yield Buffer.from(`${JSON.stringify(await report)}\n`);
}

/** Leaves out excluded files, such as a log that goes on being written, where a process has them open by the path they have here. */
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
