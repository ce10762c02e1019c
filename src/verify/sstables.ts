// Judges SSTables by what each side read of its own: what is wrong at the source already is the source's, the rest is wrong here.

import { checkText, isWrong, type SSTableCheck, sstableOf, stateOf, type Wrong } from '../digest/sstable.js';
import type { Emit } from '../events.js';
import type { EntryKey } from '../files/entry.js';
import { FIRST_FEW } from '../files/listing.js';
import type { DigestedPair } from '../plan/digests/paired-digests.js';
import type { SSTablesReport } from '../report/parts.js';
import type { Difference, SSTableReason } from '../report/verify-report.js';

export interface SSTableJudge {
  /** Called with each difference: what differs, or is missing here, was not wrong at the source. */
  see(difference: Difference): void;
  judge(pair: DigestedPair): void;
  /** Once every pair has been judged: a source that could not look is judged by what came from it. What is excluded is not missing. */
  finish(isExcluded: (key: EntryKey) => boolean): void;
}

/** An SSTable that is wrong here: in bytes that equal the source's, or because components are missing. */
interface Pending {
  /** Of its Data.db. */
  key: EntryKey;
  local: SSTableCheck;
  /** It is not so at the source. */
  isHere: boolean;
}

/** Fills in `report` as it goes, and names each SSTable that is damaged or incomplete. */
export function createSSTableJudge(report: SSTablesReport, emit: Emit): SSTableJudge {
  const pending: Pending[] = [];
  const notAsThere = new Set<EntryKey>();

  const wrong = (key: EntryKey, state: Wrong, side: 'source' | 'here', check: SSTableCheck): void => {
    report[COUNTER[side][state]]++;
    const text = checkText(check);
    if (side === 'source' && report.firstAtSource.length < FIRST_FEW) report.firstAtSource.push(key);
    emit({
      type: 'difference',
      difference: {
        key,
        reason: REASON[side][state],
        ...(side === 'source' ? { source: text } : { destination: text }),
      },
    });
  };

  return {
    see({ key, reason }) {
      if (reason === 'not-found-at-destination' || reason === 'digest' || reason === 'size') {
        if (COMPONENT.test(key)) notAsThere.add(key);
      }
    },
    judge({ key, equal, source, local }) {
      if (sstableOf(key) === undefined) return;
      const there = 'digest' in source ? source.sstable : undefined;
      const here = 'digest' in local ? local.sstable : undefined;
      if ('digest' in source && !there) report.askedSource = false;
      if (!there && !here) return;
      const [stateThere, stateHere] = [there && stateOf(there), here && stateOf(here)];
      if (stateHere === 'unchecked' || (!stateHere && stateThere === 'unchecked')) report.unchecked++;
      else report.checked++;
      if (isWrong(stateThere)) return wrong(key, stateThere, 'source', there!);
      if (!isWrong(stateHere)) return;
      const isHere = there !== undefined || !equal;
      if (isHere && stateHere === 'damaged') wrong(key, stateHere, 'here', here!);
      else pending.push({ key, local: here!, isHere });
    },
    finish(isExcluded) {
      for (const { key, local, isHere } of pending) {
        const state = stateOf(local) as Wrong;
        const prefix = sstableOf(key)!;
        const missing = local.missing.filter((component) => !isExcluded(prefix + component));
        if (state === 'incomplete' && missing.length === 0) continue;
        const components = state === 'damaged' ? ['Digest.crc32'] : ['TOC.txt', ...missing];
        const differs = components.some((component) => notAsThere.has(prefix + component));
        wrong(key, state, isHere || differs ? 'here' : 'source', { ...local, missing });
      }
    },
  };
}

/** A name as Cassandra gives it since 3.0: version, number or id, format, component. */
const COMPONENT = /\/[a-z]{2}-[^/-]+-[a-z]+-[^/]+$/;

const COUNTER = {
  source: { damaged: 'damagedAtSource', incomplete: 'incompleteAtSource' },
  here: { damaged: 'damagedHere', incomplete: 'incompleteHere' },
} as const satisfies Record<'source' | 'here', Record<Wrong, keyof SSTablesReport>>;

const REASON: Record<'source' | 'here', Record<Wrong, SSTableReason>> = {
  source: { damaged: 'sstable-damaged-at-source', incomplete: 'sstable-incomplete-at-source' },
  here: { damaged: 'sstable-damaged', incomplete: 'sstable-incomplete' },
};
