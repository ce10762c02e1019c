// Admits a survey: source and destination must be those of this migration, and the destination must have been given to lm. Records what it
// admits, before the first write.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { formatBytes, formatEntries } from '../../amounts.js';
import { LmError, localError, printable } from '../../errors.js';
import type { Emit } from '../../events.js';
import { isPartName } from '../../files/entry.js';
import { contentsOf, LOST_FOUND } from '../../files/names/lost-found.js';
import type { Roots } from '../../files/roots.js';
import { checkRootPaths } from '../../guards/guard-roots.js';
import { refuseSourceItself } from '../../guards/guard-same.js';
import type { OutsideChanges } from '../../guards/outside-changes.js';
import { homesOnThisHost } from '../../migration/destination.js';
import type { Objection } from '../../migration/guards/objections.js';
import { hintForOthers, mountDifferences, mountsChangedError } from '../../migration/known-sides.js';
import { isRoot } from '../../migration/user.js';
import { removalLines } from '../../removals/removals.js';
import { toRemember } from '../../settings/remembered.js';
import type { Source } from '../../source/source.js';
import { type Adoption, notAdopted, readAdoption, recordAdoption } from '../../state/adoption.js';
import { machineId } from '../../state/identity/host.js';
import {
  compareDestinations,
  compareSources,
  type DestinationRoot,
  mergeSources,
  type SourceIdentity,
  sourceIdentity,
} from '../../state/identity/identity.js';
import {
  destinationRoots,
  type Identities,
  readIdentities,
  recordIdentities,
} from '../../state/identity/identity-file.js';
import { remember } from '../../state/remembered.js';
import type { CopyMigration } from '../copy-migration.js';
import type { CopyRecord } from '../record.js';
import type { Survey } from '../survey-types.js';
import { mountsToKeep, refuseMovedMounts, refuseUnmatchedMounts } from './mount-guard.js';
import { NO_CHANGES, type OutsideWork } from './outside-work.js';
import type { OwnerGuard } from './owner-guard.js';

interface AdmissionOptions {
  migration: CopyMigration;
  /** The real path of --backup-dir. */
  backupDir: string | undefined;
  /** A Sidecar is identified by its URL alone. */
  source: Pick<Source, 'url' | 'capabilities' | 'findsEmpty'>;
  signal: AbortSignal;
  /** Called once this is known to be the destination. */
  outside: Pick<OutsideWork, 'judge'>;
  owners: Pick<OwnerGuard, 'areSet' | 'judge'>;
  /** Its `begin` is called once everything is admitted. Undefined for a dry run, which records nothing. */
  record: Pick<CopyRecord, 'begin'> | undefined;
  emit: Emit;
  object: Objection;
}

/** Returns the outside changes in a survey. Throws `refused`, which names what differs and the flag that allows it. */
export type Admit = (survey: Survey) => Promise<OutsideChanges>;

export function createAdmission(options: AdmissionOptions): Admit {
  const { migration, outside, owners, record, object } = options;
  const { instance, roots, absent, settings, user } = migration;
  const { stateDir, only } = settings;
  const { backupDir } = options;
  let admitted = false;
  return async (survey) => {
    const { header, totals } = survey;
    const { machine } = header;
    const { capabilities } = options.source;
    const remote = { machine, ownMachine: machineId(instance.dir), roots: header.roots };
    const around = { stateDir, homes: homesOnThisHost(user.home), ...(backupDir !== undefined && { backupDir }) };
    await checkRootPaths(roots, { ...around, source: { ...remote, guesses: !record } }); // a dry run cannot ask the source for a file made here
    if (record && !admitted && !(await refuseSourceItself(roots, header.roots, options.source, options.signal)))
      await checkRootPaths(roots, { ...around, source: { ...remote, guesses: true } });
    const source = sourceIdentity(options.source.url, header, capabilities.mounts ? totals : undefined, only);
    const known = readIdentities(instance.dir);
    if (!record && absent.length > 0) {
      if (known && !settings.newSource) refuseOthers(known, { source, lost: absent }, object);
      owners.judge(survey);
      return NO_CHANGES;
    }
    const destination = destinationRoots(roots);
    if (known && !(settings.newSource && !admitted)) refuseOthers(known, { source, destination }, object);
    const adoption = adoptionOf(survey, settings.adopt && !admitted, options);
    refuseUnmatchedMounts(survey, object);
    refuseRootsOfOthers(survey, options);
    refuseMovedMounts(survey);
    owners.judge(survey);
    const changes = await outside.judge(survey);
    if (!record || admitted) return changes;
    recordAdoption(instance.dir, { ...adoption, roots: destination });
    recordIdentities(instance.dir, { source: mergeSources(known?.source, source), destination });
    record.begin();
    remember(instance.dir, toRemember(settings));
    admitted = true;
    return changes;
  };
}

/** Called at the end of a run: what the run made at the top of the roots is among the marks by which they are recognised. */
export function recordMarks({ instance, roots }: Pick<CopyMigration, 'instance' | 'roots'>): void {
  const { dir } = instance;
  const [known, adoption] = [readIdentities(dir), readAdoption(dir)];
  const destination = destinationRoots(roots);
  if (known && !isDeepStrictEqual(known.destination, destination)) recordIdentities(dir, { ...known, destination });
  if (adoption && !isDeepStrictEqual(adoption.roots, destination))
    recordAdoption(dir, { ...adoption, roots: destination });
}

/** Objects to a source and to directories that are not the `known` ones. `lost`: those that a dry run finds missing, and a copy would make. */
function refuseOthers(
  known: Identities,
  seen: { source: SourceIdentity; destination: DestinationRoot[] } | { source: SourceIdentity; lost: Roots },
  object: Objection,
): void {
  const others =
    'destination' in seen
      ? compareDestinations(known.destination, seen.destination)
      : seen.lost
          .filter(({ key }) => known.destination.some((was) => was.key === key))
          .map(({ key, path }) => printable(`${key} does not exist at ${path}: a copy would make another directory`));
  const hint = hintForOthers(others.length > 0); // for both at once, so that the flag does not lead to the next refusal
  refuseOther(
    compareSources(known.source, seen.source),
    'the source is not the one this destination was copied from',
    hint,
    object,
  );
  refuseOther(others, 'a destination directory is not the one it was', hint, object);
}

function refuseOther(details: string[], message: string, hint: string, object: Objection): void {
  if (details.length > 0) object(new LmError('other-sides', message, { details, hint }));
}

/** The adoption to record: one that is known, or a new one of roots that are empty or given with --adopt. */
function adoptionOf(
  survey: Survey,
  adopt: boolean,
  options: AdmissionOptions,
): Pick<Adoption, 'atMs' | 'how' | 'mounts'> {
  const { migration, object } = options;
  const { instance, roots } = migration;
  const known = readAdoption(instance.dir);
  if (known && notAdopted(known, destinationRoots(roots)).length === 0)
    return { ...known, mounts: admitMounts(known, survey, adopt, options) };
  const occupied = roots.filter(({ path }) => holdsSomething(path));
  if (occupied.length > 0 && !adopt) {
    const { download, remove } = survey.plan.counts;
    object(
      new LmError(
        'not-adopted',
        'the destination is not empty, and lm has not been told that it may change what is there',
        {
          details: [
            ...occupied.map(({ key, path }) => `${key} is ${printable(path)}`),
            ...survey.mountPoints.map(({ key, fsType, source }) =>
              printable(`${key} is a mount point, of ${fsType} ${source}, and would be given with it`),
            ),
            `it would write ${formatEntries(download.entries)} (${formatBytes(download.bytes)}), some over what is there`,
            ...(remove.entries > 0 ? removalLines(survey.plan) : []),
          ],
          hint: 'if all of it may be replaced by what the source has: --adopt (--backup-dir DIR keeps it as well)',
        },
      ),
    );
  }
  return { atMs: Date.now(), how: occupied.length > 0 ? 'adopted' : 'empty', mounts: mountsToKeep({}, survey) };
}

/** Objects when the mounts are not those of the adoption; with --adopt they are taken as they are now. */
function admitMounts(
  known: Adoption,
  survey: Survey,
  adopt: boolean,
  { emit, object }: AdmissionOptions,
): Adoption['mounts'] {
  const differences = mountDifferences(known, survey.mounts);
  if (adopt) for (const text of differences) emit({ type: 'warning', text: `taken as it is (--adopt): ${text}` });
  else if (differences.length > 0) object(mountsChangedError(differences));
  return mountsToKeep(known, survey);
}

/** Parts of lm, and an empty lost+found of mkfs, do not count. */
function holdsSomething(path: string): boolean {
  try {
    return readdirSync(path, { withFileTypes: true }).some((entry) => {
      if (entry.name === LOST_FOUND && entry.isDirectory()) return contentsOf(join(path, LOST_FOUND)) === 'something';
      return !isPartName(entry.name);
    });
  } catch (error) {
    throw localError('read directory', path, error);
  }
}

/** Only its owner, or a process that may take it over, can set the mode of a root. Refused here, before everything is copied. */
function refuseRootsOfOthers({ rootPairs }: Survey, { migration, owners, object }: AdmissionOptions): void {
  const { roots, user } = migration;
  for (const { key, path } of roots) {
    const pair = rootPairs.get(key);
    if (isRoot(user) || owners.areSet || !pair?.source.owner || pair.local.owner?.uid === user.uid) continue;
    const [wanted, mode] = [pair.source.mode & 0o7777, pair.local.mode & 0o7777];
    if (wanted === mode || pair.local.ino === undefined) continue;
    object(
      new LmError(
        'root-mode',
        `the mode of ${key} (${printable(path)}) is ${octal(mode)}, at the source ${octal(wanted)}, and only its owner can change it`,
        { hint: `as its owner or root: chmod ${octal(wanted)} ${printable(path)}` },
      ),
    );
  }
}

const octal = (mode: number): string => mode.toString(8).padStart(4, '0');
