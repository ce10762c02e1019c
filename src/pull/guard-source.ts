// Whether the source stands still, which a final pass has to know before it says that nothing was lost. Compares no file.

import { setTimeout as delay } from 'node:timers/promises';
import { LmError, printable } from '../errors.js';
import type { Emit } from '../events.js';
import type { EntryKey, ListingEnd } from '../files/entry.js';
import { YOUNG_MS } from '../files/touched.js';
import type { OpenFilesReport } from '../wire/messages.js';
import { namesOf } from './guard-service.js';
import type { Source } from './source.js';

export interface SourceGuardOptions {
  source: Pick<Source, 'openFiles' | 'url'>;
  /** Take the source as it is: say what was found, and refuse nothing. */
  allowLiveSource: boolean;
  emit: Emit;
  signal: AbortSignal;
  /** Throws what it is given, unless this is a dry run. */
  object(error: LmError): void;
}

export interface SourceGuard {
  /** Whether there is any file that only its digest can tell. */
  doubts(): boolean;
  isDoubted(key: EntryKey): boolean;
  /** Waits until what the last listing saw touched has a time that can be believed. */
  settle(): Promise<void>;
  /** Takes note of a listing. False: what is equal in it need not be, so it is to be taken again. */
  believes(end: ListingEnd): boolean;
  /** Before much is downloaded: says, once, who writes to the source. */
  warn(): Promise<void>;
  /** Throws `refused`, naming process and file, when something writes to the source. What could not be seen is no evidence. */
  prove(): Promise<void>;
}

export function createSourceGuard(options: SourceGuardOptions): SourceGuard {
  const { source, allowLiveSource, emit, signal, object } = options;
  const doubted = new Set<EntryKey>();
  let touched: EntryKey[] = [];
  let believedAtMs = 0;
  let warned = false;

  const look = async (): Promise<OpenFilesReport> =>
    (await source.openFiles?.(signal)) ?? { writers: [], uninspected: [] };

  return {
    doubts: () => doubted.size > 0,
    isDoubted: (key) => doubted.has(key),
    async settle() {
      await delay(Math.max(0, believedAtMs - performance.now()), undefined, { signal }).catch(() => {});
      signal.throwIfAborted();
    },
    believes({ touched: { agoMs, first, written } }) {
      for (const key of written) doubted.add(key);
      touched = first;
      believedAtMs = first.length === 0 ? 0 : performance.now() + YOUNG_MS - agoMs;
      return first.length === 0;
    },
    async warn() {
      if (warned || allowLiveSource) return;
      warned = true;
      const [writer] = (await look()).writers.map(writerLine);
      if (writer) emit({ type: 'warning', text: `no copy of this source is exact while ${writer}` });
    },
    async prove() {
      const { writers, uninspected } = await look();
      emitGaps(source, uninspected, emit);
      const evidence = [
        ...writers.map(writerLine),
        ...touched.map((key) => `${printable(key)} is touched all the time`),
      ];
      const [first, ...rest] = evidence;
      if (first === undefined) return;
      if (allowLiveSource) return emit({ type: 'warning', text: `this copy need not be exact: ${first}` });
      object(
        new LmError('refused', `the source is still written to: ${first}`, {
          details: rest.slice(0, SHOWN),
          hint: 'stop the service there and copy again; --allow-live-source takes the copy as it is, which is kept either way',
        }),
      );
    },
  };
}

const SHOWN = 10;

const writerLine = ({ pid, command, path }: OpenFilesReport['writers'][number]): string =>
  `${printable(command)} (pid ${pid}) has ${printable(path)} open for writing`;

/** A service's processes are hidden from an agent of another user: whether one is among these, only the operator knows. */
function emitGaps(
  { openFiles, url }: SourceGuardOptions['source'],
  uninspected: OpenFilesReport['uninspected'],
  emit: Emit,
): void {
  if (!openFiles)
    emit({
      type: 'warning',
      text: `${url} is a Sidecar, which cannot tell whether its files are still written to: stop the service there first`,
    });
  else if (uninspected.length > 0)
    emit({
      type: 'warning',
      text: `could not look into ${namesOf(uninspected)} at the source: if one writes there, this copy need not be exact`,
    });
}
