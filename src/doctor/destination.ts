// Looks at the directories of a destination: whether they may be one, can be written to, what their file systems keep, and what is free.
// The only thing that it writes is the temporary file by which a copy too tries a file system; the time of its directory is restored.

import { accessSync, constants, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { formatBytes, formatCount } from '../amounts.js';
import { errnoOf, LmError, localError, printable } from '../errors.js';
import type { Roots } from '../files/roots.js';
import { setTime } from '../files/set-time.js';
import { testFidelity } from '../guards/guard-fidelity.js';
import { inspectService } from '../guards/guard-service.js';
import { freeAt } from '../guards/guard-space.js';
import { mountPointsBelow } from '../linux/mount-points.js';
import { isReadOnly, readMounts } from '../linux/mounts.js';
import { lookUpPorts } from '../linux/service-ports.js';
import type { Destination } from '../migration/destination.js';
import { isCassandraTree } from '../migration/guards/service-watch.js';
import { openChownTrial } from '../owners/chown-trial.js';
import { servicePorts } from '../settings/cassandra/service-ports.js';
import { type Finding, failed, note, ok, warning } from './finding.js';

type Opened = Pick<Destination<'copy'>, 'settings' | 'roots' | 'absent'>;

/** `isLocked`: lm itself is at work here, has files open, and is not to be disturbed. */
export async function* destinationFindings(opened: Opened, isLocked: boolean): AsyncGenerator<Finding> {
  const { roots, absent } = opened;
  for (const root of roots) yield directory(root, absent.includes(root));
  if (isLocked) return yield* await spaceFindings(roots);
  const service = await serviceFindings(opened);
  yield* service;
  const present = roots.filter((root) => !absent.includes(root));
  const unwritable = [...present.flatMap(readOnly), ...absent.flatMap(cannotCreate)];
  yield* unwritable;
  const isFree = service.every(({ severity }) => severity !== 'error') && unwritable.length === 0;
  if (present.length > 0 && isFree) yield* await fileSystemFindings(present);
  yield* await spaceFindings(roots);
}

function directory({ key, path }: Roots[number], isAbsent: boolean): Finding {
  return isAbsent
    ? note('directories', `${key}: ${printable(path)} does not exist yet: a copy makes it`, {
        todo: 'if its disk is to be mounted there, mount it first',
      })
    : ok('directories', `${key} is ${printable(path)}`);
}

/** Ports and open files, as before each pass; the operator's own command is left to the preview of a copy. */
async function serviceFindings({ settings, roots }: Opened): Promise<Finding[]> {
  const { preCheck, allowRunning } = settings;
  try {
    const ports = await lookUpPorts(servicePorts(settings));
    const cassandra = isCassandraTree(settings, roots);
    const guard = { roots, ports, cassandra, hasPreCheck: preCheck !== undefined, allowRunning };
    const gaps = (await inspectService(guard)).filter((text) => !text.startsWith('could not look into')); // `processes`
    const asked = ports.map(({ name, port }) => `${name} ${port}`).join(', ');
    if (gaps.length > 0) return gaps.map((text) => warning('service', text));
    return [
      ok('service', asked === '' ? 'nobody has a file open here' : `nothing listens (${asked}) or has a file open`),
    ];
  } catch (error) {
    if (error instanceof LmError) return [failed('service', error)];
    throw error;
  }
}

function readOnly({ key, path }: Roots[number]): Finding[] {
  if (!isReadOnly(readMounts('self'), path)) return [];
  const message = `${key} (${printable(path)}) is mounted read-only`;
  return [failed('writable', new LmError('local', message, { hint: `mount -o remount,rw on its file system` }))];
}

function cannotCreate({ key, path }: Roots[number]): Finding[] {
  const parent = dirname(path);
  try {
    accessSync(parent, constants.W_OK | constants.X_OK);
    return [];
  } catch (error) {
    const message = `${key}: nothing can be made in ${printable(parent)}: ${errnoOf(error)}`;
    return [failed('writable', new LmError('local', message, { hint: `make ${printable(path)} for the user of lm` }))];
  }
}

async function fileSystemFindings(roots: Roots): Promise<Finding[]> {
  const trial = openChownTrial([tmpdir(), '/dev/shm']);
  const places = [...roots, ...mountPointsBelow(roots).filter(({ isDirectory }) => isDirectory)];
  try {
    const { warnings } = await keepingTimes(places, () => testFidelity(places, trial.canGiveAway));
    const written = ok('writable', formatCount(roots.length, 'root'));
    if (warnings.length === 0)
      return [
        written,
        ok('file-systems', `times, modes,${trial.canGiveAway ? ' owners,' : ''} links and names are kept`),
      ];
    const todo = 'what cannot be kept is no difference for lm; a Cassandra node wants ext4 or XFS';
    return [written, ...warnings.map((text) => warning('file-systems', text, { todo }))];
  } catch (error) {
    if (error instanceof LmError) return [failed('writable', error)];
    throw error;
  } finally {
    trial.close();
  }
}

/** A directory's time changes with each file that is made in it. */
async function keepingTimes<T>(places: readonly { path: string }[], act: () => Promise<T>): Promise<T> {
  const before = places.map(({ path }) => ({ path, ns: `${statSync(path, { bigint: true }).mtimeNs}` }));
  try {
    return await act();
  } finally {
    for (const { path, ns } of before) restoreTime(path, ns);
  }
}

function restoreTime(path: string, ns: string): void {
  try {
    setTime(path, ns);
  } catch (error) {
    if (!['EPERM', 'EROFS'].includes(errnoOf(error) ?? '')) throw localError('set the time of', path, error); // another's directory
  }
}

/** A line for each file system. */
async function spaceFindings(roots: Roots): Promise<Finding[]> {
  const byDevice = new Map<bigint, { keys: string[]; says: string }>();
  for (const { key, path } of roots) {
    const { device, freeBytes, freeInodes } = await freeAt(path);
    const inodes = freeInodes === undefined ? '' : ` and ${formatCount(Number(freeInodes), 'inode')}`;
    const known = byDevice.get(device);
    if (known) known.keys.push(key);
    else byDevice.set(device, { keys: [key], says: `${formatBytes(Number(freeBytes))}${inodes} free` });
  }
  return [...byDevice.values()].map(({ keys, says }) => ok('space', `${keys.join(', ')}: ${says}`));
}
