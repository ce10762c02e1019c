// Runs the checks of `lm doctor` in order: this host, then, for a destination, its directories, the source, and what a copy would say; or,
// for a source, what `lm serve` would need. Changes nothing at either end.

import { knownError, LmError, printable } from '../errors.js';
import type { Roots } from '../files/roots.js';
import { findOpenFiles } from '../linux/open-files.js';
import { concurrencyAt } from '../migration/concurrency.js';
import { type Destination, discardTemporary, openDestination } from '../migration/destination.js';
import { recallWithout } from '../migration/left-out.js';
import { recall, theseMigrations } from '../migration/this-migration.js';
import type { User } from '../migration/user.js';
import { rateAt } from '../pace/rate-limit.js';
import { read } from '../settings/layers.js';
import type { Remembered } from '../settings/remembered.js';
import { resolve } from '../settings/resolve.js';
import type { SettingsOf } from '../settings/settings.js';
import type { Stated } from '../settings/stated.js';
import type { Source } from '../source/source.js';
import { openTemporarySpoolDir } from '../spool/spool-dir.js';
import { lockHolder } from '../state/lock/lock.js';
import { holderText } from '../state/lock/lock-holder.js';
import { destinationFindings } from './destination.js';
import { type Finding, failed, note, ok } from './finding.js';
import { forecast, forecastFinding, type MigrationForecast } from './forecast.js';
import { factsOfHost, hostFindings, processFindings } from './host.js';
import { previewCopy } from './preview.js';
import { probeDisk, probeNetwork } from './probe.js';
import { reach } from './reach.js';
import { completionFindings, recordFindings } from './records.js';
import { servingFindings } from './serving.js';
import { listingFindings, listSource, type SourceListing } from './source-listing.js';

export interface DoctorOptions {
  cwd: string;
  user: User;
  signal: AbortSignal;
  /** Called with each finding as soon as there is one. */
  found(finding: Finding): void;
}

export interface Diagnosis {
  role: 'source' | 'destination' | undefined;
  findings: Finding[];
  /** Undefined where nothing was measured. */
  forecast: MigrationForecast | undefined;
}

/** Throws `usage` for settings that no command would take, and the signal's reason. */
export async function runDoctor(stated: Stated, options: DoctorOptions): Promise<Diagnosis> {
  const remembered = memoryOf(stated);
  const settings = resolve('doctor', stated, remembered);
  const role = roleOf(settings);
  const serving = role === 'source' ? resolve('serve', stated, remembered) : undefined;
  const diagnosis: Diagnosis = { role, findings: [], forecast: undefined };
  const tell = (finding: Finding): void => {
    const isTold = diagnosis.findings.some(({ says }) => says === finding.says);
    if (isTold && finding.severity !== 'ok') return; // a copy says again what was found before it
    diagnosis.findings.push(finding);
    options.found(finding);
  };
  tell(settingsFinding(settings));
  const facts = factsOfHost();
  for (const finding of hostFindings(facts, role)) tell(finding);
  tell(processFindings(await findOpenFiles([])));
  for (const finding of await recordFindings(settings.stateDir)) tell(finding);
  if (facts.addressSpace !== undefined) return diagnosis; // threads would end the process
  if (serving) await tellEach(servingFindings(serving, options.signal), tell);
  if (role === 'destination') diagnosis.forecast = await diagnose(stated, settings, { ...options, tell });
  return diagnosis;
}

/** A call of the system that fails, as of a disk that is gone, is a finding as well. */
async function tellEach(findings: AsyncIterable<Finding>, tell: Context['tell']): Promise<void> {
  try {
    for await (const finding of findings) tell(finding);
  } catch (error) {
    const known = knownError(error);
    if (!known) throw error;
    tell(failed('directories', known));
  }
}

/** What the only migration remembers that these settings can mean; nothing where there are several, or none. */
function memoryOf(stated: Stated): Remembered {
  const recalled = recallWithout(stated);
  const settings = resolve('doctor', stated, recalled);
  if (settings.roots.length > 0 && settings.instance !== undefined) return recalled; // it may be about to begin
  const [first, ...others] = theseMigrations(settings);
  return (first && others.length === 0 && first.role === 'destination' && recall(first)) || recalled;
}

/** By the migration map; else whoever knows a URL is the destination, and whoever names directories the source. */
function roleOf({ role, url, roots }: SettingsOf['doctor']): Diagnosis['role'] {
  if (role !== undefined) return role;
  if (url !== undefined) return 'destination';
  return roots.length > 0 ? 'source' : undefined;
}

function settingsFinding({ stated, file }: SettingsOf['doctor']): Finding {
  const from = file === undefined ? 'no settings file' : `settings from ${printable(file)}`;
  const lines = stated.map(({ name, value, where }) => printable(`${name} = ${[value].flat().join(', ')} (${where})`));
  return ok('settings', `${from}, ${stated.length === 1 ? '1 option' : `${stated.length} options`} stated`, lines);
}

interface Context extends DoctorOptions {
  tell(finding: Finding): void;
}

/** Looks at both sides from the destination. Undefined where the source cannot be listed. */
async function diagnose(
  stated: Stated,
  settings: SettingsOf['doctor'],
  context: Context,
): Promise<MigrationForecast | undefined> {
  const { tell, user, signal } = context;
  const here = settings.roots.length === 0 ? undefined : await openHere(stated, context);
  if (settings.roots.length === 0)
    tell(note('directories', 'none is named, so that only the source is looked at', { todo: 'lm doctor URL DIR' }));
  const spool = openTemporarySpoolDir();
  let source: Source | undefined;
  try {
    const before = here ? [...completionFindings(here.instance), ...(await lockFindings(here.roots))] : [];
    for (const finding of before) tell(finding);
    const isLocked = before.some(({ code }) => code === 'lock');
    if (here) await tellEach(destinationFindings(here, isLocked), tell);
    const roots = here?.roots ?? [];
    source = await reach({ ...settings, url: settings.url! }, { roots, spool: spool.path, signal, tell });
    const isRefused = before.some(({ severity }) => severity === 'error');
    return source && (await withSource(source, isRefused ? undefined : here && { ...here, user }, settings, context));
  } finally {
    await source?.close();
    spool.remove();
    if (here) discardTemporary(here);
  }
}

async function lockFindings(roots: Roots): Promise<Finding[]> {
  const holder = await lockHolder(roots);
  if (holder === undefined) return [];
  const hint = 'wait for it, or see lm status: two cannot work on one destination';
  return [failed('lock', new LmError('locked', `${holderText(holder)} is at work here`, { hint }))];
}

/** Opens the destination for a dry run of a copy below 1.0: a final pass would refuse a source that is in use. */
async function openHere(
  { layers: [flags, ...others], ...stated }: Stated,
  { cwd, user, tell }: Context,
): Promise<Destination<'copy'> | undefined> {
  const origin = { source: 'flag', where: 'lm doctor' } as const;
  const words = { 'dry-run': 'true', threshold: '0.99' } as const;
  const own = (Object.keys(words) as (keyof typeof words)[]).map(
    (name) => [name, read(name, words[name], origin, cwd)] as const,
  );
  try {
    return await openDestination(
      'copy',
      { ...stated, layers: [new Map([...flags, ...own]), ...others] },
      { cwd, env: user.env },
    );
  } catch (error) {
    if (!(error instanceof LmError)) throw error;
    tell(failed('directories', error));
    return undefined;
  }
}

/** Lists and measures the source and, with a destination that may be copied to, asks what a copy would say. */
async function withSource(
  source: Source,
  here: (Destination<'copy'> & { user: User }) | undefined,
  settings: SettingsOf['doctor'],
  { tell, signal }: Context,
): Promise<MigrationForecast | undefined> {
  if (source.firstStatus.state === 'COMPLETED') return undefined;
  if (source.kind === 'sidecar' && settings.roots.length === 0) {
    tell(note('listing', 'a Sidecar does not say which directories it has: name those of this host'));
    return undefined;
  }
  const concurrency = concurrencyAt(source, settings.concurrency, (event) => {
    if (event.type === 'settings') tell(note('copy', event.text));
  });
  const listing = await listed(source, tell, signal);
  if (!listing) return undefined;
  const { biggest: files } = listing;
  const limit = rateAt(settings.limitRate, Date.now());
  const network = await probeNetwork(source, { files, concurrency, limit, signal });
  tell(network.finding);
  const { probeDisk: bytes } = settings;
  const disk = bytes === undefined ? undefined : await probeDisk(source, bytes, { files, signal });
  if (disk) tell(disk.finding);
  const preview = here && (await previewCopy(here, signal));
  for (const finding of preview?.findings ?? []) tell(finding);
  const all = { entries: listing.files, bytes: listing.totals.bytes };
  const measured = {
    ...{ all, fetch: preview?.fetch ?? all, limit },
    listMs: Math.max(listing.elapsedMs, preview?.listMs ?? 0),
    network: network.bytesPerSecond,
    disk: disk?.bytesPerSecond,
    finalPass: preview?.finalPass,
  };
  const reckoned = forecast(measured);
  tell(forecastFinding(measured, reckoned));
  return reckoned;
}

async function listed(source: Source, tell: Context['tell'], signal: AbortSignal): Promise<SourceListing | undefined> {
  try {
    const listing = await listSource(source, signal);
    for (const finding of listingFindings(listing.totals, listing.elapsedMs)) tell(finding);
    return listing;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof LmError)) throw error;
    tell(failed('listing', error));
    return undefined;
  }
}
