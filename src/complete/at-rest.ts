// Checks that the service of this source has stopped before the source is completed: by its ports, its open files and the operator's
// command. Also names the command that keeps it stopped.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { LmError, printable } from '../errors.js';
import type { Roots } from '../files/roots.js';
import { writerText } from '../guards/at-rest.js';
import { gapsOf } from '../guards/guard-service.js';
import { hostAndPort } from '../linux/addresses.js';
import { findOpenFiles } from '../linux/open-files.js';
import { findServiceListeners, listenerText, lookUpPorts, matchReasonText } from '../linux/service-ports.js';
import { howItEnded, runCommand } from '../linux/shell-command.js';
import type { User } from '../migration/user.js';
import { compileFilter, isKeyExcluded } from '../patterns/filter.js';
import { servicePorts } from '../settings/cassandra/service-ports.js';
import type { CompleteSettings } from '../settings/settings.js';

const SHOWN = 10;
const HINT =
  'stop it; what it has written since then is not at the destination: copy and verify there again. --unverified completes all the same';

/**
 * Returns what could not be inspected. Throws `refused`, naming the port, or process and file, or the output of the operator's command.
 * Processes that only read, such as lm serve, are allowed.
 */
export async function checkAtRest(
  settings: CompleteSettings,
  roots: Roots,
  { env, signal }: { env: User['env']; signal: AbortSignal },
): Promise<string[]> {
  const excludes = compileFilter({ exclusions: settings.exclusions, roots: [...roots] });
  const isExcluded = (path: string): boolean =>
    roots.some(
      (root) => path.startsWith(`${root.path}/`) && isKeyExcluded(excludes, root.key + path.slice(root.path.length)),
    );
  const { holders, hidden, uninspected, isComplete } = await findOpenFiles(
    roots.map(({ path }) => path),
    isExcluded,
  );
  const ports = await lookUpPorts(servicePorts(settings));
  const { possible } = await findServiceListeners(ports, isComplete);
  const [listener] = possible;
  if (listener)
    throw new LmError(
      'source-in-use',
      `the service of this source seems to run: something listens on ${hostAndPort(listener.address, listener.port)}`,
      {
        details: possible.slice(0, SHOWN).map((one) => `${listenerText(one)}: ${matchReasonText(one.why, one.name)}`),
        hint: HINT,
      },
    );
  const [first, ...rest] = holders.filter(({ access }) => access === 'write').map(writerText);
  if (first !== undefined)
    throw new LmError('source-in-use', `this source is still written to: ${first}`, {
      details: rest.slice(0, SHOWN),
      hint: HINT,
    });
  const { preCheck } = settings;
  const gaps = gapsOf({ hidden, uninspected });
  if (!isComplete && isCassandra(settings, roots) && ports.length === 0 && preCheck === undefined)
    throw new LmError(
      'source-in-use',
      `cannot tell whether the service of this source has stopped: ${gaps.join('; ')}`,
      {
        hint: 'run as root of the host itself, or name a port of the service with --guard-port or a command with --pre-check; --unverified completes all the same',
      },
    );
  if (preCheck !== undefined) await checkByCommand(preCheck, roots, env, signal);
  return gaps.map((gap) => `${gap}: if one of them is the service, it has to be stopped`);
}

async function checkByCommand(command: string, roots: Roots, env: User['env'], signal: AbortSignal): Promise<void> {
  const outcome = await runCommand(command, { ...env, LM_ROOTS: roots.map(({ path }) => path).join(':') }, signal);
  if (outcome.code === 0) return;
  throw new LmError(
    'source-in-use',
    `the check of this source ended with ${howItEnded(outcome)}: ${printable(command)}`,
    {
      details: outcome.lines,
      hint: 'the command is to exit with 0 when the service here is stopped; --unverified completes all the same',
    },
  );
}

/** How to keep the old service from being started by habit: two nodes with one identity destroy the data of both. */
export const fenceText = (settings: Pick<CompleteSettings, 'cassandra'>, roots: Roots): string =>
  isCassandra(settings, roots)
    ? 'systemctl stop cassandra && systemctl mask cassandra, so that the old node never starts again'
    : 'stop the service here and keep it from starting again, as with systemctl mask SERVICE';

/** Whether this is Cassandra: by its settings, by roots that only Cassandra has, or by the keyspace that every node has. */
const isCassandra = ({ cassandra }: Pick<CompleteSettings, 'cassandra'>, roots: Roots): boolean =>
  cassandra !== undefined || roots.some(({ type, path }) => type !== 'data' || existsSync(join(path, 'system_schema')));
