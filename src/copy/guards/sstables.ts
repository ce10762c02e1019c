// `lm copy --sstables`: has the source check the SSTables that a pass is about to fetch, before anything is changed here. What it finds is
// the source's damage: a copy would carry it over.

import { formatBytes, formatCount } from '../../amounts.js';
import { batchesOf } from '../../batches.js';
import type { ListedFile } from '../../digest/listed-file.js';
import { checkText, isWrong, noSSTables, type SSTableCheck, sstableOf, stateOf } from '../../digest/sstable.js';
import { LmError, printable } from '../../errors.js';
import type { Emit } from '../../events.js';
import { type EntryKey, joinKey, NO_INODE } from '../../files/entry.js';
import { FIRST_FEW } from '../../files/listing.js';
import type { Objection } from '../../migration/guards/objections.js';
import type { Plan } from '../../plan/plan.js';
import type { SSTablesReport } from '../../report/parts.js';
import type { Source } from '../../source/source.js';
import { readSlice } from '../../spool/spool.js';
import type { Journal } from '../../state/journal/journal.js';

interface SSTableGuardOptions {
  source: Source;
  /** --allow-damaged-at-source. */
  isAllowed: boolean;
  /** Undefined for a dry run. */
  journal: Pick<Journal, 'append'> | undefined;
  emit: Emit;
  object: Objection;
  signal: AbortSignal;
}

export interface SSTableGuard {
  /** Throws `refused` with each that is damaged, and what the source throws. */
  check(plan: Plan, iteration: number): Promise<void>;
  /** What all passes have found; undefined before the first, and where the source cannot look. */
  found(): SSTablesReport | undefined;
}

/** The algorithm that costs an agent least beside the CRC-32. */
const ALGORITHM = 'xxhash32';

/** Of one request: its files are read in all threads of the agent. */
const BATCH = { items: 1000, bytes: Number.POSITIVE_INFINITY };

const PROGRESS_EVERY_MS = 500;

export function createSSTableGuard(options: SSTableGuardOptions): SSTableGuard {
  const { source, emit, signal } = options;
  const damaged = new Map<EntryKey, string>();
  let report: SSTablesReport | undefined;
  /** The source answers with digests alone: asked once, and warned of once. */
  let isUnable = false;

  function record(key: EntryKey, check: SSTableCheck, found: SSTablesReport): void {
    const state = stateOf(check);
    found[state === 'unchecked' ? 'unchecked' : 'checked']++;
    if (!isWrong(state) || damaged.has(key)) return;
    damaged.set(key, checkText(check));
    found[state === 'damaged' ? 'damagedAtSource' : 'incompleteAtSource']++;
    if (found.firstAtSource.length < FIRST_FEW) found.firstAtSource.push(key);
  }

  /** False when the source answers with digests alone. */
  async function request(files: readonly ListedFile[], found: SSTablesReport, progressed: Progress): Promise<boolean> {
    for await (const answers of source.digests(ALGORITHM, files, signal, { sstables: true }))
      for (const answer of answers) {
        const { key, size } = files[answer.index]!;
        if ('digest' in answer) {
          if (!answer.sstable) return false;
          record(key, answer.sstable, found);
        }
        progressed(Number(size));
      }
    return true;
  }

  /** False as above. */
  async function requestAll(plan: Plan, all: Amount, iteration: number): Promise<boolean> {
    if (!source.checksSSTables) return false;
    emit({ type: 'settings', text: `checking ${sstables(all.files)} (${formatBytes(all.bytes)}) at the source` });
    const found = report ?? noSSTables();
    const progressed = progressOf(emit, iteration, all);
    for (const files of batches(plan)) if (!(await request(files, found, progressed))) return false;
    report = found;
    return true;
  }

  return {
    found: () => report,
    async check(plan, iteration) {
      const all = totalOf(plan);
      if (isUnable || all.files === 0) return;
      const before = damaged.size;
      isUnable = !(await requestAll(plan, all, iteration));
      if (isUnable) warnUnable(options);
      else if (damaged.size > before) judge(damaged, options);
    },
  };
}

function judge(
  damaged: ReadonlyMap<EntryKey, string>,
  { isAllowed, journal, emit, object }: SSTableGuardOptions,
): void {
  const text = `${sstables(damaged.size)} ${damaged.size === 1 ? 'is' : 'are'} damaged at the source`;
  const details = [
    ...[...damaged].slice(0, FIRST_FEW).map(([key, why]) => printable(`${key}: ${why}`)),
    ...(damaged.size > FIRST_FEW ? [`and ${damaged.size - FIRST_FEW} more`] : []),
  ];
  if (!isAllowed) {
    const hint =
      'repair them there, as with nodetool scrub KEYSPACE TABLE, and copy again; --allow-damaged-at-source copies them as they are';
    return object(new LmError('damaged-sstables', text, { details, hint }));
  }
  journal?.append({ type: 'sstables', damagedAtSource: damaged.size, all: false });
  emit({
    type: 'warning',
    text,
    details,
    hint: 'they are copied as they are, and lm complete takes --allow-damaged-at-source',
  });
}

const warnUnable = ({ source, emit }: SSTableGuardOptions): void =>
  emit({
    type: 'warning',
    text: `${source.url} cannot check its SSTables: it is a Sidecar or an older lm serve`,
    hint: 'lm verify --sstables judges them by what has come here',
  });

const sstables = (count: number): string => formatCount(count, 'SSTable');

type Progress = (bytes: number) => void;

function progressOf(emit: Emit, iteration: number, { files: filesTotal, bytes: bytesTotal }: Amount): Progress {
  const done = { files: 0, bytes: 0, atMs: performance.now() };
  return (bytes) => {
    done.files++;
    done.bytes += bytes;
    if (performance.now() - done.atMs < PROGRESS_EVERY_MS && done.files < filesTotal) return;
    done.atMs = performance.now();
    const { files: filesDone, bytes: bytesDone } = done;
    emit({ type: 'progress', iteration, doing: 'verify', bytesDone, bytesTotal, filesDone, filesTotal });
  };
}

interface Amount {
  files: number;
  bytes: number;
}

/** The Data.db files that the plan fetches, as the source lists them. */
function* dataFiles({ spools: { big, bundle } }: Plan): Generator<ListedFile> {
  for (const spool of [big, bundle])
    for (const slice of spool.slices)
      for (const [dir, entries] of readSlice(spool.path, slice))
        for (const { kind, name, size, mtimeNs, ino = NO_INODE } of entries) {
          const key = joinKey(dir, name);
          if (kind === 'file' && sstableOf(key) !== undefined) yield { key, size, mtimeNs, ino };
        }
}

function totalOf(plan: Plan): Amount {
  const total = { files: 0, bytes: 0 };
  for (const { size } of dataFiles(plan)) {
    total.files++;
    total.bytes += Number(size);
  }
  return total;
}

/** The first one alone: it tells whether the source can look at all. */
function* batches(plan: Plan): Generator<ListedFile[]> {
  const files = dataFiles(plan);
  const first = files.next();
  if (first.done) return;
  yield [first.value];
  yield* batchesOf(files, BATCH, () => 0);
}
