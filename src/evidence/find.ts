// Finds the evidence that --instance, or nothing, means: of a migration of this host, or of one whose records are gone.

import { LmError } from '../errors.js';
import {
  type EvidenceLines,
  evidenceIn,
  instanceOf,
  keptDir,
  listKept,
  readEvidence,
} from '../state/evidence/evidence-file.js';
import { faultInRecords, faultText } from '../state/identity/trusted-records.js';
import { type Instance, isUsed, listInstances, rootsText } from '../state/instance.js';
import { buildDocument } from './build.js';
import type { EvidenceDocument } from './document.js';

export interface FoundEvidence {
  document: EvidenceDocument;
  /** Where the evidence and its manifest lie. */
  dir: string;
  /** Who else could have written it; absent when nobody could. */
  untrusted?: string;
}

interface Candidate {
  name: string;
  dir: string;
  instance?: Instance;
}

/**
 * A migration under way comes before one whose records are gone, and the last of those before earlier ones. Throws `usage` when there is
 * none, or more than one.
 */
export function findEvidence({ stateDir, name }: { stateDir: string; name: string | undefined }): FoundEvidence {
  const kept = listKept(stateDir);
  const found = name === undefined ? onlyOne(stateDir, kept) : named(stateDir, kept, name);
  const lines = readEvidence(found.dir);
  if (!lines) throw nothingRecorded(found.name);
  const { role, roots } = found.instance ?? fromRecords(lines);
  const earlier = kept.filter((other) => other !== found.name && instanceOf(other) === instanceOf(found.name));
  const place = { instance: found.name, role, roots, file: evidenceIn(found.dir), earlier };
  const fault = faultInRecords(found.dir);
  return {
    document: buildDocument(place, lines),
    dir: found.dir,
    ...(fault && { untrusted: faultText(fault) }),
  };
}

function candidates(stateDir: string, kept: readonly string[]): Candidate[] {
  const live = listInstances(stateDir).map((instance) => ({ name: instance.name, dir: instance.dir, instance }));
  const used = live.filter(({ instance }) => isUsed(instance) && readEvidence(instance.dir));
  const of = new Set(used.map(({ name }) => name));
  const last = new Map(kept.map((name) => [instanceOf(name), name]));
  return [
    ...used,
    ...[...last].filter(([of_]) => !of.has(of_)).map(([, name]) => ({ name, dir: keptDir(stateDir, name) })),
  ];
}

function onlyOne(stateDir: string, kept: readonly string[]): Candidate {
  const all = candidates(stateDir, kept);
  const [first, ...others] = all;
  if (!first)
    throw new LmError('which-migration', 'there is nothing to report: no migration has left evidence on this host', {
      hint: `lm copy or lm verify comes first; records are looked for in ${stateDir} (--state-dir)`,
    });
  if (others.length === 0) return first;
  throw new LmError('which-migration', 'several migrations are known on this host', {
    details: all.map(({ name, instance }) => (instance ? `${name}  ${rootsText(instance.roots)}` : name)),
    hint: 'say which one with --instance NAME',
  });
}

function named(stateDir: string, kept: readonly string[], name: string): Candidate {
  const exact = kept.find((one) => one === name);
  if (exact !== undefined) return { name, dir: keptDir(stateDir, name) };
  const found = candidates(stateDir, kept).find((one) => instanceOf(one.name) === name);
  if (found) return found;
  const instance = listInstances(stateDir).find((one) => one.name === name);
  if (instance) return { name, dir: instance.dir, instance };
  const known = candidates(stateDir, kept).map((one) => one.name);
  throw new LmError('which-migration', `no evidence of ${name} is on this host`, {
    details: known,
    hint: known.length > 0 ? 'known are the ones above' : 'no migration has left evidence on this host',
  });
}

const nothingRecorded = (name: string): LmError =>
  new LmError('which-migration', `nothing of ${name} is recorded yet`, {
    hint: 'an lm without reports has copied it, or nothing has been done: the next lm copy or lm verify is recorded',
  });

/** Of a migration whose own record is gone. */
function fromRecords({ records }: EvidenceLines): Pick<EvidenceDocument, 'role' | 'roots'> {
  const started = records.map(({ record }) => record).findLast((record) => record.type === 'run-started');
  const { role = 'destination', roots = [] } = started?.host ?? {};
  return { role, roots };
}
