// Keeps the young files of a destination, in memory and in the journal, until digests have proved them. plan/ compares them.

import { lstatSync } from 'node:fs';
import { errnoOf } from '../../errors.js';
import type { Emit } from '../../events.js';
import { DirCache } from '../../files/dirfd.js';
import { type Entry, type EntryKey, joinKey, parentOf } from '../../files/entry.js';
import type { Roots } from '../../files/roots.js';
import type { YoungFiles } from '../../plan/young-files.js';
import type { History } from '../../state/journal/history.js';
import type { Journal } from '../../state/journal/journal.js';
import type { WantedFile } from '../../transfer/worker-jobs.js';

export interface YoungRecord extends YoungFiles {
  /** Called before a survey. */
  begin(): void;
  /** Called after a survey, once both sides are known to be those of this migration. `complete`: the survey saw every entry. */
  accept(complete: boolean): void;
}

interface YoungOptions {
  roots: Roots;
  /** Whether a part of the file exists, so that it will come back. */
  isPart(key: EntryKey): boolean;
  emit: Emit;
  maxNamed?: number;
}

/** About 20 MB of journal. Beyond that, young files are known by their times instead of their keys. */
const MAX_NAMED = 100_000;

/** Keeps a line of the journal short. */
const MAX_KEYS_PER_RECORD = 1_000;

/** Without a journal, as in a dry run, nothing is recorded. */
export function createYoungFiles(
  journal: Pick<Journal, 'append'> | undefined,
  known: Pick<History, 'young' | 'youngSinceNs'>,
  { roots, isPart, emit, maxNamed = MAX_NAMED }: YoungOptions,
): YoungRecord {
  const named = new Set(known.young);
  let dirs: Set<EntryKey> | undefined;
  let sinceNs = known.youngSinceNs === undefined ? undefined : BigInt(known.youngSinceNs);
  /** Whether this survey has compared every file that is young by its time, so none was added meanwhile. */
  let comparesSince = false;
  let compared: (WantedFile & { young: boolean })[] = [];

  function addSince(files: readonly WantedFile[]): void {
    const first = earliest(files.map(({ entry }) => BigInt(entry.mtimeNs)));
    comparesSince = false;
    if (sinceNs !== undefined && sinceNs <= first) return;
    journal?.append({ type: 'young-since', mtimeNs: `${first}` });
    if (sinceNs === undefined) emit({ type: 'warning', text: tooMany(maxNamed, first) });
    sinceNs = first;
  }

  function record(type: 'settled' | 'young', keys: readonly EntryKey[]): void {
    for (let at = 0; at < keys.length; at += MAX_KEYS_PER_RECORD)
      journal?.append({ type, keys: keys.slice(at, at + MAX_KEYS_PER_RECORD) });
  }

  function forget(keys: readonly EntryKey[]): void {
    record('settled', keys);
    for (const key of keys) named.delete(key);
    dirs = undefined;
  }

  function add(files: readonly WantedFile[]): void {
    const fresh = files.filter((file) => !named.has(keyOfFile(file)));
    const keys = fresh.slice(0, Math.max(0, maxNamed - named.size)).map(keyOfFile);
    record('young', keys);
    for (const key of keys) named.add(key);
    if (keys.length > 0) dirs = undefined;
    if (keys.length < fresh.length) addSince(fresh.slice(keys.length));
  }

  return {
    add,
    get hasAny() {
      return named.size > 0 || sinceNs !== undefined;
    },
    has: (key, entry: Entry) => named.has(key) || (sinceNs !== undefined && BigInt(entry.mtimeNs) >= sinceNs),
    hasIn(dir) {
      dirs ??= new Set([...named].map(parentOf));
      return sinceNs !== undefined || dirs.has(dir);
    },
    compared: (files) =>
      void compared.push(
        ...files.filter((file) => (file.young && file.entry.size !== '0') || named.has(keyOfFile(file))),
      ),
    begin() {
      comparesSince = sinceNs !== undefined;
      compared = [];
    },
    accept(complete) {
      forget(compared.filter(({ young }) => !young).map(keyOfFile));
      add(compared.filter(({ young }) => young));
      compared = [];
      if (complete && named.size > 0) forget(goneOf(named, roots).filter((key) => !isPart(key)));
      if (!complete || !comparesSince) return;
      journal?.append({ type: 'settled', keys: [], since: true });
      sinceNs = undefined;
    },
  };
}

const earliest = (times: bigint[]): bigint => times.toSorted((a, b) => Number(a - b))[0]!;

const keyOfFile = ({ dir, entry }: WantedFile): EntryKey => joinKey(dir, entry.name);

function goneOf(keys: Iterable<EntryKey>, roots: Roots): EntryKey[] {
  const dirs = new DirCache(roots);
  const isGone = (key: EntryKey): boolean => {
    try {
      lstatSync(dirs.open(parentOf(key)).at(key.slice(key.lastIndexOf('/') + 1)));
      return false;
    } catch (error) {
      return ['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '');
    }
  };
  try {
    return [...keys].filter(isGone);
  } finally {
    dirs.close();
  }
}

const tooMany = (max: number, sinceNs: bigint): string =>
  `more than ${max} files were written to less than 2 s before they were read: until digests have proved them, every file modified ` +
  `since ${new Date(Number(sinceNs / 1_000_000n)).toISOString()} is compared by its digest`;
