// Runs copies and verifications as a task of a process does: several at once, each with a report that can be read meanwhile.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from '@jest/globals';
import type { CopyMigration } from '../../src/copy/copy-migration.js';
import type { RunningCopy } from '../../src/copy/run.js';
import type { Event } from '../../src/events.js';
import type { Io } from '../../src/io.js';
import type { BadNetwork } from '../support/proxy.js';
import { type Host, type Sandbox, sandbox } from '../support/sandbox.js';
import { state } from '../support/settings.js';
import { dir, file, readTree, type Tree } from '../support/tree.js';

const built = async <T>(module: string): Promise<T> =>
  import(new URL(`../../dist/modules/${module}`, import.meta.url).href);
const { startCopy } = await built<typeof import('../../src/copy/run.js')>('copy/run.js');
const runCopy = (...given: Parameters<typeof startCopy>) => startCopy(...given).done;
const { runVerify } = await built<typeof import('../../src/verify/run.js')>('verify/run.js');
const { openDestination } =
  await built<typeof import('../../src/migration/destination.js')>('migration/destination.js');
const { LmError } = await built<typeof import('../../src/errors.js')>('errors.js');

const SIZE = 3_000_000;
const tree = (name: string): Tree => ({ [`only-${name}`]: file({ size: SIZE }), d: dir({ x: name }) });

/** A source with its agent, and a destination on the way to which a network may stall. */
interface Side {
  name: string;
  from: string;
  to: string;
  host: Host;
  network: BadNetwork;
  events: Event[];
}

let box: Sandbox;
beforeEach(() => {
  box = sandbox();
});

async function side(name: string, options: { stallAfter?: number } = {}): Promise<Side> {
  const source = box.host(`source-${name}`);
  const host = box.host(`destination-${name}`);
  const from = source.write('data', tree(name));
  const agent = await source.serve([from]);
  const network = await box.proxy(agent.url, options);
  return { name, from, to: host.write('data', {}), host, network, events: [] };
}

const ofUser = (env: Record<string, string>): CopyMigration['user'] => ({
  uid: process.geteuid!(),
  umask: 0o022,
  home: env['HOME'],
  env,
});

async function migrationOf<C extends 'copy' | 'verify'>(command: C, { host, network, to }: Side) {
  const env = { HOME: host.home, LM_STATE_DIR: host.stateDir };
  const stated = await state({ command, flags: { url: network.url }, dir: to, env, cwd: host.dir });
  const destination = await openDestination(command, stated, { cwd: host.dir, env } as unknown as Io);
  return { ...destination, user: ofUser(env) };
}

const listenTo = ({ events }: Side, signal = new AbortController().signal) => ({
  emit: (event: Event) => void events.push(event),
  signal,
});

/** All that its destination keeps of runs. */
function recordsOf({ dir }: CopyMigration['instance']) {
  const lines = readFileSync(join(dir, 'journal.jsonl'), 'utf8').trimEnd().split('\n');
  const runs = lines.flatMap((line) => (JSON.parse(line) as { run?: string }).run ?? []);
  const { exitCode, report } = JSON.parse(readFileSync(join(dir, 'last-copy.json'), 'utf8'));
  return { runs: new Set(runs), exitCode, run: report.run };
}

test('two copies at once in one process, and a verification of each, do not affect each other', async () => {
  const sides = [await side('a'), await side('b')];
  const migrations = await Promise.all(sides.map((one) => migrationOf('copy', one)));
  const outcomes = await Promise.all(sides.map((one, i) => runCopy(migrations[i]!, listenTo(one))));
  for (const [i, { name, from, to, events }] of sides.entries()) {
    const { report, end, message } = outcomes[i]!;
    expect({ end, state: report.status.at(-1)!.state }).toEqual({ end: 'success', state: 'SUCCESS' });
    expect(message).toMatch(/100 % of the bytes match/);
    expect(await readTree(to)).toEqual(await readTree(from));
    expect(report.status[0]).toMatchObject({ filesDownloaded: 3, bytesDownloaded: SIZE + name.length });
    expect(recordsOf(migrations[i]!.instance)).toEqual({ runs: new Set([report.run]), exitCode: 0, run: report.run });
    expect(events.filter(({ type }) => type === 'run-started')).toMatchObject([
      { run: report.run, roots: [{ path: to }] },
    ]);
    expect(events.at(-1)).toMatchObject({ type: 'copy-ended', report: { run: report.run }, exitCode: 0 });
  }
  expect(outcomes[0]!.report.run).not.toBe(outcomes[1]!.report.run);

  const proofs = await Promise.all(
    sides.map(async (one) => runVerify(await migrationOf('verify', one), listenTo(one))),
  );
  for (const [i, { end, report }] of proofs.entries()) {
    expect({ end, ...report }).toMatchObject({ end: 'same', state: 'COMPLETED', filesMatched: 2 });
    expect(recordsOf(migrations[i]!.instance).runs).toEqual(new Set([outcomes[i]!.report.run, report.run]));
  }
});

test('a copy that is stopped stops no other copy, and can be continued', async () => {
  const [stopped, other] = [await side('a', { stallAfter: SIZE / 2 }), await side('b', { stallAfter: SIZE / 2 })];
  const stop = new AbortController();
  const migration = await migrationOf('copy', stopped);
  const first = runCopy(migration, listenTo(stopped, stop.signal));
  const second = runCopy(await migrationOf('copy', other), listenTo(other));
  await Promise.all([stopped.network.stalled, other.network.stalled]); // now both are in the middle of their bytes
  const reason = new LmError('interrupted', 'stopped by whoever asked for it');
  stop.abort(reason);
  await expect(first).rejects.toBe(reason);
  expect(stopped.events.at(-1)).toMatchObject({ type: 'iteration-ended', iteration: { state: 'CANCELLED' } });
  expect(recordsOf.bind(undefined, migration.instance)).toThrow('last-copy.json');

  other.network.cut();
  await expect(second).resolves.toMatchObject({ end: 'success' });
  expect(await readTree(other.to)).toEqual(await readTree(other.from));
  stopped.network.cut();
  await expect(runCopy(await migrationOf('copy', stopped), listenTo(stopped))).resolves.toMatchObject({
    end: 'success',
  });
  expect(await readTree(stopped.to)).toEqual(await readTree(stopped.from));
});

test('the report of a running copy can be read, and the reader gets a copy of it', async () => {
  const one = await side('a', { stallAfter: SIZE / 2 });
  const stop = new AbortController();
  const running: RunningCopy = startCopy(await migrationOf('copy', one), listenTo(one, stop.signal));
  const begun = running.report();
  expect(begun.status).toEqual([]);
  await one.network.stalled;

  const now = running.report();
  expect(now).toMatchObject({ run: begun.run, status: [{ iteration: 0, state: 'DOWNLOADING', filesToDownload: 3 }] });
  const before = structuredClone(now);
  now.status[0]!.state = 'SUCCESS';
  now.status.length = 0;
  now.leftOut!.special.first.push('data/0/never-seen');
  const again = running.report();
  expect(again.status).toMatchObject([{ state: 'DOWNLOADING' }]);
  expect(again.leftOut).toEqual(before.leftOut);

  one.network.cut();
  const { report, end } = await running.done;
  expect(end).toBe('success');
  expect(running.report()).toEqual(report);
  expect(running.report()).not.toBe(report);
  expect(report.status.map(({ state }) => state)).toEqual(['DOWNLOAD_COMPLETE', 'SUCCESS']);
});
