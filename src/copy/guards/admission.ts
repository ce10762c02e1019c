// Whether source and destination are those of this migration, and whether the destination was given to lm at all. Records what
// it admits, before the first write; compares no files.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { formatBytes, formatEntries } from '../../amounts.js';
import { LmError, localError, printable } from '../../errors.js';
import type { Emit } from '../../events.js';
import { isPartName } from '../../files/entry.js';
import { holds, LOST_FOUND } from '../../files/lost-found.js';
import { checkRootPaths } from '../../guards/guard-roots.js';
import { refuseSourceItself } from '../../guards/guard-same.js';
import type { OutsideChanges } from '../../guards/outside-changes.js';
import { homesOnThisHost } from '../../migration/destination.js';
import { hintForOthers, mountDifferences, mountsChanged } from '../../migration/known-sides.js';
import { isRoot } from '../../migration/user.js';
import { removalLines } from '../../removals/removals.js';
import { toRemember } from '../../settings/remembered.js';
import type { Source } from '../../source/source.js';
import { type Adoption, notAdopted, readAdoption, recordAdoption } from '../../state/adoption.js';
import { machineId } from '../../state/identity/host.js';
import { compareDestinations, compareSources, mergeSources, sourceIdentity } from '../../state/identity/identity.js';
import { destinationRoots, readIdentities, recordIdentities } from '../../state/identity/identity-file.js';
import { remember } from '../../state/remembered.js';
import type { CopyMigration } from '../copy-migration.js';
import type { CopyRecord } from '../record.js';
import type { Survey } from '../survey.js';
import { mountsToKeep, refuseMovedMounts, refuseUnmatchedMounts } from './mount-guard.js';
import type { Objection } from './objections.js';
import { NOTHING, type OutsideWork } from './outside-work.js';
import type { OwnerGuard } from './owner-guard.js';

export interface AdmissionOptions {
  migration: CopyMigration;
  /** The real path of --backup-dir. */
  backupDir: string | undefined;
  /** Its origin is all there is to know a Sidecar by. */
  source: Pick<Source, 'url' | 'tells' | 'findsEmpty'>;
  signal: AbortSignal;
  /** Looks for the work of somebody else, once this is known to be the destination. */
  outside: Pick<OutsideWork, 'judge'>;
  owners: Pick<OwnerGuard, 'areSet' | 'judge'>;
  /** Begun as soon as everything is admitted. Undefined for a dry run, which records nothing. */
  record: Pick<CopyRecord, 'begin'> | undefined;
  emit: Emit;
  object: Objection;
}

/** Returns what of a survey is somebody else's work. Throws `refused`, saying what is different and which flag would allow it. */
export type Admit = (survey: Survey) => Promise<OutsideChanges>;

export function createAdmission(options: AdmissionOptions): Admit {
  const { migration, outside, owners, record, object } = options;
  const { instance, roots, absent, settings, user } = migration;
  const { stateDir, only } = settings;
  const { backupDir } = options;
  let admitted = false;
  return async (survey) => {
    const { header, proof } = survey;
    const { machine } = header;
    const { tells } = options.source;
    const theirs = { machine, ownMachine: machineId(instance.dir), roots: header.roots };
    const around = { stateDir, homes: homesOnThisHost(user.home), ...(backupDir !== undefined && { backupDir }) };
    await checkRootPaths(roots, { ...around, source: { ...theirs, guesses: !record } }); // a dry run makes no file to ask for
    if (record && !admitted && !(await refuseSourceItself(roots, header.roots, options.source, options.signal)))
      await checkRootPaths(roots, { ...around, source: { ...theirs, guesses: true } });
    const source = sourceIdentity(options.source.url, header, tells.mounts ? proof : undefined, only);
    const known = readIdentities(instance.dir);
    if (!record && absent.length > 0) {
      owners.judge(survey);
      return NOTHING;
    }
    const destination = destinationRoots(roots);
    if (known && !(settings.newSource && !admitted)) {
      const others = compareDestinations(known.destination, destination);
      const hint = hintForOthers(others.length > 0); // of both at once: a flag that leads into the next refusal helps nobody
      refuseOther(
        compareSources(known.source, source),
        'the source is not the one this destination was copied from',
        hint,
        object,
      );
      refuseOther(others, 'a destination directory is not the one it was', hint, object);
    }
    const adoption = adoptionOf(survey, settings.adopt && !admitted, options);
    refuseUnmatchedMounts(survey, object);
    refuseForeignRoots(survey, options);
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

/** At the end of a run: what it made at the top of the roots is part of what they are known by. */
export function recordMarks({ instance, roots }: Pick<CopyMigration, 'instance' | 'roots'>): void {
  const { dir } = instance;
  const [known, adoption] = [readIdentities(dir), readAdoption(dir)];
  const destination = destinationRoots(roots);
  if (known && !isDeepStrictEqual(known.destination, destination)) recordIdentities(dir, { ...known, destination });
  if (adoption && !isDeepStrictEqual(adoption.roots, destination))
    recordAdoption(dir, { ...adoption, roots: destination });
}

function refuseOther(details: string[], message: string, hint: string, object: Objection): void {
  if (details.length > 0) object(new LmError('refused', message, { details, hint }));
}

/** Known already, or empty, or given by the operator's word. */
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
  const held = roots.filter(({ path }) => holdsSomething(path));
  if (held.length > 0 && !adopt) {
    const { download, remove } = survey.plan.counts;
    object(
      new LmError(
        'refused',
        'the destination is not empty, and lm has not been told that it may change what is there',
        {
          details: [
            ...held.map(({ key, path }) => `${key} is ${printable(path)}`),
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
  return { atMs: Date.now(), how: held.length > 0 ? 'adopted' : 'empty', mounts: mountsToKeep({}, survey) };
}

/** Those of the adoption, or by the operator's word those of now. */
function admitMounts(
  known: Adoption,
  survey: Survey,
  adopt: boolean,
  { emit, object }: AdmissionOptions,
): Adoption['mounts'] {
  const differences = mountDifferences(known, survey.mounts);
  if (adopt) for (const text of differences) emit({ type: 'warning', text: `taken as it is (--adopt): ${text}` });
  else if (differences.length > 0) object(mountsChanged(differences));
  return mountsToKeep(known, survey);
}

/** What lm itself has left unfinished, or mkfs has made, does not count. */
function holdsSomething(path: string): boolean {
  try {
    return readdirSync(path, { withFileTypes: true }).some((entry) => {
      if (entry.name === LOST_FOUND && entry.isDirectory()) return holds(join(path, LOST_FOUND)) === 'something';
      return !isPartName(entry.name);
    });
  } catch (error) {
    throw localError('read directory', path, error);
  }
}

/** But for a process that may take it, the mode of a root is its owner's to set: said now, and not once all has been copied. */
function refuseForeignRoots({ rootPairs }: Survey, { migration, owners, object }: AdmissionOptions): void {
  const { roots, user } = migration;
  for (const { key, path } of roots) {
    const pair = rootPairs.get(key);
    if (isRoot(user) || owners.areSet || !pair?.source.owner || pair.local.owner?.uid === user.uid) continue;
    const [wanted, mode] = [pair.source.mode & 0o7777, pair.local.mode & 0o7777];
    if (wanted === mode || pair.local.ino === undefined) continue;
    object(
      new LmError(
        'local',
        `the mode of ${key} (${printable(path)}) is ${octal(mode)}, at the source ${octal(wanted)}, and only its owner can change it`,
        { hint: `as its owner or root: chmod ${octal(wanted)} ${printable(path)}` },
      ),
    );
  }
}

const octal = (mode: number): string => mode.toString(8).padStart(4, '0');
