// Writes and reads the file of evidence that lies beside a migration's records, and keeps it when they are removed. Its length is bounded.

import { closeSync, constants, fstatSync, mkdirSync, openSync, readdirSync, readSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { errnoOf, localError } from '../../errors.js';
import { statIfThere } from '../../files/if-there.js';
import { writeAll } from '../../files/write-all.js';
import { readRegular } from '../../trust/regular-file.js';
import { syncPath, writeFileAtomically } from '../atomic-file.js';
import { type SealedLine, seal, unsealLines, VERSION, wholeBytes } from '../sealed-lines.js';
import { EVIDENCE_FILE, MANIFEST_FILE } from './names.js';
import type { EvidenceRecord } from './records.js';

export const evidenceIn = (dir: string): string => join(dir, EVIDENCE_FILE);

/** A run that finds a longer file shortens it to three quarters of this. */
export const MAX_EVIDENCE_BYTES = 16 * 2 ** 20;

const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;

/** On return the kernel has the record. Throws `local`. */
export function appendEvidence(dir: string, record: EvidenceRecord, atMs = Date.now()): void {
  const path = evidenceIn(dir);
  let fd: number | undefined;
  try {
    fd = openSync(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
    // A line that a crash has torn is ended first: it then counts as one damaged line, and not two.
    writeAll(fd, Buffer.from((isTorn(fd) ? '\n' : '') + seal(record, atMs)));
  } catch (error) {
    throw localError('write', path, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function isTorn(fd: number): boolean {
  const { size } = fstatSync(fd);
  if (size === 0) return false;
  const last = Buffer.alloc(1);
  readSync(fd, last, 0, 1, size - 1);
  return wholeBytes(last) === 0;
}

/** Far above the bound, which one run may pass. */
const MAX_READ = 2 ** 28;

export interface EvidenceLines {
  records: { atMs: number; record: EvidenceRecord }[];
  /** Lines whose checksum is wrong, or that another version of lm wrote. */
  damaged: number;
}

/** Undefined when there is no such file. Throws `local`. */
export function readEvidence(dir: string): EvidenceLines | undefined {
  const bytes = readIfThere(evidenceIn(dir));
  if (!bytes) return undefined;
  const lines = [...unsealLines(bytes)];
  const records = lines.filter(isRecord).map(({ atMs, record }) => ({ atMs, record: record as never }));
  return { records, damaged: lines.length - records.length + (wholeBytes(bytes) === bytes.length ? 0 : 1) };
}

const isRecord = (line: SealedLine): line is Exclude<SealedLine, 'damaged'> =>
  line !== 'damaged' && line.version === VERSION;

function readIfThere(path: string): Buffer | undefined {
  try {
    return readRegular(path, MAX_READ);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw localError('read', path, error);
  }
}

/**
 * Shortens a file that has grown too long: the samples of the oldest passes go first, then the oldest records. A last record says how much
 * went. Call it under the lock of the migration.
 */
export function trimEvidence(dir: string, maxBytes = MAX_EVIDENCE_BYTES): void {
  const path = evidenceIn(dir);
  if (Number(statIfThere(path)?.size ?? 0n) <= maxBytes) return;
  const { records } = readEvidence(dir) ?? { records: [] };
  const lines = records.map(({ atMs, record }) => ({ atMs, record, text: seal(record, atMs) }));
  const goal = maxBytes * 0.75;
  let bytes = lines.reduce((sum, { text }) => sum + text.length, 0);
  const gone = { series: 0, records: 0 };
  for (const line of lines) {
    if (bytes <= goal) break;
    if (!('series' in line.record) || line.record.series === undefined || line.record.type === 'trimmed') continue;
    const { series: _, ...rest } = line.record;
    const text = seal(rest, line.atMs);
    bytes -= line.text.length - text.length;
    Object.assign(line, { record: rest, text });
    gone.series++;
  }
  while (bytes > goal && lines.length > 0) {
    bytes -= lines.shift()!.text.length;
    gone.records++;
  }
  const told = seal({ type: 'trimmed', ...gone } satisfies EvidenceRecord, Date.now());
  writeFileAtomically(path, lines.map(({ text }) => text).join('') + told);
}

/**
 * Moves the evidence and its manifest out of the records, which are about to be removed. Returns the name under which it is found again:
 * `destination-1f2e3d4c.2026-12-01T00-40-11Z`; undefined when there is none. Throws `local`.
 */
export function keepEvidence(dir: string, how: 'reset' | 'forgotten', nowMs = Date.now()): string | undefined {
  if (!statIfThere(evidenceIn(dir))) return undefined;
  const stateDir = dirname(dir);
  const name = `${basename(dir)}.${stampOf(nowMs)}`;
  const kept = keptDir(stateDir, name);
  try {
    appendEvidence(dir, { type: 'ended', how }, nowMs);
    mkdirSync(kept, { mode: 0o700 });
    for (const file of [MANIFEST_FILE, EVIDENCE_FILE])
      if (statIfThere(join(dir, file))) renameSync(join(dir, file), join(kept, file)); // the evidence last: it says that it is all there
    syncPath(kept);
    syncPath(stateDir);
    return name;
  } catch (error) {
    throw localError('keep', kept, error);
  }
}

/** No instance can have such a name. */
const PREFIX = '.report-';

export const keptDir = (stateDir: string, name: string): string => join(stateDir, PREFIX + name);

const stampOf = (ms: number): string => new Date(ms).toISOString().replaceAll(':', '-').replace(/\.\d+/, '');

const STAMP = /\.\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ$/;

/** The name of the migration that kept evidence is of. */
export const instanceOf = (keptName: string): string => keptName.replace(STAMP, '');

/** The names of kept evidence, the oldest first. */
export function listKept(stateDir: string): string[] {
  try {
    return readdirSync(stateDir)
      .filter((name) => name.startsWith(PREFIX) && statIfThere(evidenceIn(join(stateDir, name))))
      .map((name) => name.slice(PREFIX.length))
      .sort((a, b) => (stampIn(a) < stampIn(b) ? -1 : 1));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw localError('list', stateDir, error);
  }
}

const stampIn = (name: string): string => STAMP.exec(name)?.[0] ?? '';
