// Whether source and destination are those of this migration, and whether the destination was given to lm at all. Records what
// it admits, before the first write; compares no files.

import { chmodSync, chownSync, readdirSync } from 'node:fs';
import { LmError, localError, printable } from '../errors.js';
import { type EntryKey, isPartName } from '../files/entry.js';
import type { Root, Roots } from '../files/roots.js';
import { removalLines } from '../pull/clean.js';
import { checkRootPaths } from '../pull/guard-roots.js';
import type { Survey } from '../pull/survey.js';
import { type Adoption, notAdopted, readAdoption, recordAdoption } from '../state/adoption.js';
import { machineId } from '../state/host.js';
import { compareDestinations, compareSources, mergeSources, sourceIdentity } from '../state/identity.js';
import { destinationRoots, readIdentities, recordIdentities } from '../state/identity-file.js';
import type { Instance } from '../state/instance.js';
import { homesOnThisHost } from './destination.js';

export interface AdmissionOptions {
  instance: Instance;
  stateDir: string;
  /** Its real path. */
  backupDir: string | undefined;
  roots: Roots;
  /** Roots this run has made, or would have made. */
  created: Roots;
  /** The source's origin: all there is to know a Sidecar by. */
  url: string;
  only: EntryKey | undefined;
  adopt: boolean;
  newSource: boolean;
  /** Give the roots this run has made to whom they belong at the source. */
  owners: boolean;
  /** Records nothing. */
  dryRun: boolean;
  home: string | undefined;
  /** Throws what it is given, unless this is a dry run. */
  object(error: LmError): void;
  /** Once, as soon as everything is admitted. */
  remember(): void;
}

/** Throws `refused`, saying what is different and which flag would allow it. */
export function createAdmission(options: AdmissionOptions): (survey: Survey) => Promise<void> {
  const { instance, roots, created, dryRun, object } = options;
  let admitted = false;
  return async (survey) => {
    const { header, proof } = survey;
    const around = { machine: header.machine, ownMachine: machineId(instance.dir), roots: header.roots };
    const { stateDir, backupDir, home } = options;
    const homes = homesOnThisHost(home);
    await checkRootPaths(roots, { stateDir, homes, source: around, ...(backupDir !== undefined && { backupDir }) });
    const source = sourceIdentity(options.url, header, header.agentId === '' ? undefined : proof, options.only);
    const known = readIdentities(instance.dir);
    if (dryRun && created.length > 0) return;
    const destination = destinationRoots(roots);
    if (known && !(options.newSource && !admitted)) {
      refuseOther(
        compareSources(known.source, source),
        'the source is not the one this destination was copied from',
        object,
      );
      refuseOther(
        compareDestinations(known.destination, destination),
        'a destination directory is not the one it was',
        object,
      );
    }
    const adoption = adoptionOf(survey, options);
    if (dryRun || admitted) return;
    recordAdoption(instance.dir, { ...adoption, roots: destination });
    recordIdentities(instance.dir, { source: mergeSources(known?.source, source), destination });
    options.remember();
    for (const root of created) openAsAtSource(root, survey, options.owners);
    admitted = true;
  };
}

function refuseOther(differences: string[], message: string, object: (error: LmError) => void): void {
  if (differences.length === 0) return;
  object(
    new LmError('refused', message, {
      details: differences,
      hint: 'is its disk mounted? if the change is meant, copy once with --new-source',
    }),
  );
}

/** Known already, or empty, or given by the operator's word. */
function adoptionOf(
  { plan }: Survey,
  { instance, roots, adopt, object }: AdmissionOptions,
): Pick<Adoption, 'atMs' | 'how'> {
  const known = readAdoption(instance.dir);
  if (known && notAdopted(known, destinationRoots(roots)).length === 0) return known;
  const held = roots.filter(({ path }) => holdsSomething(path));
  if (held.length > 0 && !adopt) {
    const { download, remove } = plan.counts;
    object(
      new LmError(
        'refused',
        'the destination is not empty, and lm has not been told that it may change what is there',
        {
          details: [
            ...held.map(({ key, path }) => `${key} is ${printable(path)}`),
            `${download.entries} entries, ${download.bytes} bytes would be written, some over what is there`,
            ...(remove.entries > 0 ? removalLines(plan) : []),
          ],
          hint: 'if all of it may be replaced by what the source has: --adopt (--backup-dir DIR keeps it as well)',
        },
      ),
    );
  }
  return { atMs: Date.now(), how: held.length > 0 ? 'adopted' : 'empty' };
}

/** What lm itself has left unfinished, or mkfs has made, does not count. */
function holdsSomething(path: string): boolean {
  try {
    return readdirSync(path).some((name) => name !== 'lost+found' && !isPartName(name));
  } catch (error) {
    throw localError('read directory', path, error);
  }
}

/** A root that lm made was its owner's alone so far. */
function openAsAtSource({ key, path }: Root, { header }: Survey, owners: boolean): void {
  const root = header.roots.find((one) => one.key === key);
  if (root?.uid == null) return; // a Sidecar does not tell
  try {
    if (owners && root.gid !== null) chownSync(path, root.uid, root.gid);
    chmodSync(path, (root.mode & 0o7777) | 0o700);
  } catch (error) {
    throw localError('set the owner and mode of', path, error);
  }
}
