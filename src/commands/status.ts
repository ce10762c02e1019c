// `lm status`: how the migrations of this host stand, and what the source says. Changes nothing; an unreachable source is an
// answer, not an error.

import { tmpdir } from 'node:os';
import { LmError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import type { Io } from '../io.js';
import { connectSource } from '../pull/connect-source.js';
import { createRenderer } from '../render/renderer.js';
import { resolve } from '../settings/resolve.js';
import type { Stated } from '../settings/stated.js';
import type { StatusSettings } from '../settings.js';
import { readCompletion } from '../state/completion.js';
import type { Instance } from '../state/instance.js';
import { readJournal } from '../state/journal.js';
import { readLastCopy, readLastVerify } from '../state/last-run.js';
import { lockHolder } from '../state/lock.js';
import { readRemembered } from '../state/remembered.js';
import { addressOf } from './destination.js';
import { type MigrationStatus, type SourceStatus, statusLines } from './status-text.js';
import { theseMigrations } from './this-migration.js';

export async function run(stated: Stated, io: Io): Promise<number> {
  const settings = resolve('status', stated);
  const migrations = theseMigrations(settings);
  const renderer = createRenderer({ ...settings, ...io });
  for (const migration of migrations) {
    const status = await statusOf(migration, resolve('status', stated, readRemembered(migration.dir)), io);
    renderer.say('migration', { ...status }, statusLines(status));
  }
  const none = `no migration is known on this host; records are looked for in ${settings.stateDir}`;
  renderer.say('summary', { command: 'status', migrations: migrations.length }, migrations.length === 0 ? [none] : []);
  renderer.close();
  return EXIT.ok;
}

async function statusOf(migration: Instance, settings: StatusSettings, io: Io): Promise<MigrationStatus> {
  const { name, role, dir, roots } = migration;
  const { verified, parts, damagedLines, lastCopy: begun } = readJournal(dir);
  const lastCopy = readLastCopy(dir);
  const untold = begun?.run === lastCopy?.report.run ? undefined : begun;
  return {
    instance: name,
    role,
    dir,
    roots,
    completion: readCompletion(dir),
    holder: (role === 'destination' && (await lockHolder(roots))) || null,
    source: role === 'destination' && settings.url ? await askSource(settings, settings.url, io.signal) : null,
    lastCopy: lastCopy ?? null,
    lastVerify: readLastVerify(dir) ?? null,
    copyBeganMs: untold?.atMs ?? null,
    copyExitCode: untold?.exitCode ?? null,
    verified,
    unfinishedFiles: parts.size,
    damagedLines,
  };
}

/** Long enough for a slow link; a run that copies is more patient. */
const PATIENCE_MS = 3_000;

async function askSource(settings: StatusSettings, url: URL, signal: AbortSignal): Promise<SourceStatus> {
  let lastReason = 'no answer';
  try {
    const source = await connectSource({
      ...addressOf({ ...settings, url }),
      roots: [],
      spool: tmpdir(),
      emit: (event) => {
        if (event.type === 'retried') lastReason = event.reason;
      },
      signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]),
    });
    await source.close();
    return { url: url.origin, kind: source.kind, status: source.firstStatus };
  } catch (error) {
    signal.throwIfAborted();
    return { url: url.origin, error: error instanceof LmError ? error.message : lastReason };
  }
}
