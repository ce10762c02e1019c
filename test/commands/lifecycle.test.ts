import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pid } from 'node:process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { CopyReport } from '../../src/report.js';
import { markComplete, readCompletion } from '../../src/state/completion.js';
import type { JournalRecord } from '../../src/state/history.js';
import { agentId } from '../../src/state/host.js';
import { type Instance, openInstance } from '../../src/state/instance.js';
import { openJournal } from '../../src/state/journal.js';
import { recordLastCopy } from '../../src/state/last-run.js';
import { acquireLock } from '../../src/state/lock.js';
import { remember } from '../../src/state/remembered.js';

const BIN = fileURLToPath(new URL('../../bin/lm.js', import.meta.url));

let base: string;
let data: string;
let stateDir: string;

beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'lm-lifecycle-')));
  data = join(base, 'data');
  stateDir = join(base, 'state');
  mkdirSync(data);
});

afterEach(() => rmSync(base, { recursive: true, force: true }));

/** The built program, started in `base`, where an lm.yaml would be found. */
async function lm(...args: string[]) {
  const env = { PATH: process.env.PATH, HOME: base, LM_STATE_DIR: stateDir };
  const child = spawn(process.execPath, [BIN, ...args], { cwd: base, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [[code], stdout, stderr] = await Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)]);
  return { code: code as number, stdout, stderr };
}

const open = (role: 'source' | 'destination', name?: string): Instance =>
  openInstance({ stateDir, role, name, roots: [{ key: 'data/0', path: data }] });

function write(dir: string, ...records: JournalRecord[]): void {
  const journal = openJournal(dir);
  for (const record of records) journal.append(record);
  journal.close();
}

const began = (command: 'copy' | 'verify', run: string): JournalRecord => ({
  type: 'run-started',
  run,
  command,
  boot: 'b',
  source: 'http://127.0.0.1:1',
});
const copied: JournalRecord[] = [began('copy', 'c'), { type: 'copy-ended', run: 'c', exitCode: 0 }];
const verified: JournalRecord[] = [
  began('verify', 'v'),
  { type: 'verify-ended', run: 'v', state: 'COMPLETED', exitCode: 0 },
];
const differs: JournalRecord[] = [
  began('verify', 'w'),
  { type: 'verify-ended', run: 'w', state: 'FAILED', exitCode: 4 },
];

/** Pairs of a map in which this host has the other name, or none. */
const mapFile = (pair: string) =>
  writeFileSync(join(base, 'lm.yaml'), `live_migration:\n  migration_map:\n    ${pair}\n`);

const iteration = {
  iteration: 0,
  state: 'SUCCESS',
  totalSize: 2048,
  totalFiles: 3,
  bytesToDownload: 0,
  filesToDownload: 0,
  filesDownloaded: 2,
  downloadFailures: 0,
  bytesDownloaded: 1024,
  bytesReceived: 1024,
  bytesReused: 0,
  filesVanished: 0,
  filesChanged: 0,
  filesRemoved: 1,
  bytesRemoved: 1,
  matchRatio: 1,
} as const;
const report: CopyReport = {
  run: 'c',
  source: 'http://127.0.0.1:1',
  maxIterations: 3,
  successThreshold: 0.95,
  maxConcurrency: 10,
  status: [iteration],
  dryRun: false,
};

describe('lm complete', () => {
  test('on the source: marks it, once, and says when it was', async () => {
    const { dir } = open('source');
    expect(await lm('complete')).toMatchObject({ code: 0, stdout: expect.stringContaining(`data/0=${data}`) });
    const { endTime } = readCompletion(dir);
    const again = await lm('complete');
    expect(again.code).toBe(6);
    expect(again.stderr).toContain(`already complete, since ${new Date(endTime!).toISOString()}`);
  });

  test.each<[string, JournalRecord[], string[], number, string]>([
    ['nothing verified', copied, [], 6, 'no verification has ended'],
    ['verified after the copy', [...copied, ...verified], [], 0, ''],
    ['a copy since', [...verified, ...copied], [], 6, 'it may have changed since the last verification'],
    ['a copy that was cut off since', [...verified, began('copy', 'c')], [], 6, 'may have changed since the last'],
    ['differences', [...copied, ...differs], [], 6, 'the last verification ended as FAILED'],
    ['nothing verified, and no proof wanted', copied, ['--unverified'], 0, ''],
  ])('on the destination: %s', async (_, records, flags, code, message) => {
    const { dir } = open('destination');
    write(dir, ...records);
    const result = await lm('complete', ...flags);
    expect(result).toMatchObject({ code, stderr: expect.stringContaining(message) });
    expect(readCompletion(dir).state).toBe(code === 0 ? 'COMPLETED' : 'NOT_COMPLETED');
    expect(existsSync(join(dir, 'lock.json'))).toBe(false);
  });

  test.each<[string, Partial<CopyReport>, number, string]>([
    ['a final pass', { successThreshold: 1 }, 0, ''],
    ['a head start', {}, 0, 'warning: the last copy was no final pass'],
    ['a part', { successThreshold: 1, only: 'data/0/ks' }, 0, 'warning: the last copy was no final pass'],
    ['a final pass that was refused', { successThreshold: 1 }, 6, 'warning: the last copy was no final pass'],
  ])('after %s, says whether the source can have gone on', async (_, fields, exitCode, warning) => {
    const { dir } = open('destination');
    write(dir, ...copied, ...verified);
    recordLastCopy(dir, { endedMs: 1731000900000, exitCode, message: '', report: { ...report, ...fields } });
    const { code, stderr } = await lm('complete');
    expect([code, stderr.slice(0, 40)]).toEqual([0, warning.slice(0, 40)]);
  });

  test('waits for nobody: a running copy is named and left alone', async () => {
    const { dir, roots } = open('destination');
    const lock = await acquireLock(roots, { dir, command: 'lm copy' });
    const result = await lm('complete', '--unverified');
    await lock.release();
    expect(result).toMatchObject({ code: 9, stderr: expect.stringContaining(`in use by lm copy (pid ${pid}, `) });
    expect(readCompletion(dir).state).toBe('NOT_COMPLETED');
  });

  test('does not take a damaged record for an absent one', async () => {
    const { dir } = open('destination');
    writeFileSync(join(dir, 'live_migration_status.json'), '');
    expect(await lm('complete', '--unverified')).toMatchObject({ code: 8, stderr: expect.stringContaining(dir) });
  });

  test('a damaged journal proves nothing', async () => {
    const { dir } = open('destination');
    write(dir, ...copied, ...verified);
    writeFileSync(join(dir, 'journal.jsonl'), `${readFileSync(join(dir, 'journal.jsonl'), 'utf8')}{}\n`);
    expect(await lm('complete')).toMatchObject({ code: 6, stderr: expect.stringContaining('may have changed') });
  });
});

describe('which migration is meant', () => {
  test('none is known', async () => {
    expect(await lm('complete')).toMatchObject({ code: 2, stderr: expect.stringContaining(stateDir) });
  });

  test('the only one; of several, the one named, or of the role the map gives this host', async () => {
    const source = open('source', 'from');
    const destination = open('destination', 'to');
    const several = await lm('complete', '--unverified');
    expect(several.code).toBe(2);
    expect(several.stderr).toContain(`from  data/0=${data}\n  to  data/0=${data}\n`);
    expect((await lm('complete', '--instance', 'to', '--unverified')).code).toBe(0);
    mapFile(`${hostname()}: elsewhere`);
    expect((await lm('complete')).code).toBe(0);
    expect([source, destination].map(({ dir }) => readCompletion(dir).state)).toEqual(['COMPLETED', 'COMPLETED']);
  });

  test('the one with these directories', async () => {
    open('source');
    mkdirSync(join(base, 'other'));
    expect((await lm('complete', '--root', 'data=other')).code).toBe(2);
    expect((await lm('complete', '--root', 'data=data')).code).toBe(0);
  });

  test('a host that is not in the map completes nothing', async () => {
    open('source');
    mapFile('a: b');
    expect((await lm('complete')).code).toBe(6);
  });
});

describe('lm reset', () => {
  test('forgets a migration whose directory is gone', async () => {
    markComplete(open('destination').dir);
    rmSync(data, { recursive: true });
    expect(await lm('reset')).toMatchObject({ code: 0, stderr: '' });
    expect(readdirSync(stateDir)).toEqual([]);
  });

  test.each(['source', 'destination'] as const)('needs a complete %s', async (role) => {
    const { dir } = open(role);
    write(dir, ...copied);
    expect(await lm('reset')).toMatchObject({ code: 6, stderr: expect.stringContaining('is not complete') });
    expect(readdirSync(dir)).toEqual(['instance.json', 'journal.jsonl']);
  });

  test('forgets a destination whose only runs were refused', async () => {
    write(open('destination').dir);
    expect((await lm('reset')).code).toBe(0);
    expect(readdirSync(stateDir)).toEqual([]);
  });

  test('forgets all of a destination', async () => {
    const { dir } = open('destination');
    write(dir, ...copied);
    markComplete(dir);
    expect(await lm('reset')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`${dir}: instance.json, journal.jsonl, live_migration_status.json\n`),
    });
    expect(readdirSync(stateDir)).toEqual([]);
    expect((await lm('reset')).code).toBe(2);
  });

  test('leaves a source who it is, for its agent may be running', async () => {
    const { dir } = open('source');
    const id = agentId(dir);
    markComplete(dir);
    expect(await lm('reset')).toMatchObject({ code: 0, stdout: expect.stringContaining('live_migration_status.json') });
    expect(readCompletion(dir).state).toBe('NOT_COMPLETED');
    expect(agentId(dir)).toBe(id);
    expect((await lm('complete')).code).toBe(0);
  });

  test('refuses while the pair is in the map', async () => {
    const { dir } = open('destination');
    markComplete(dir);
    mapFile(`elsewhere: ${hostname()}`);
    expect(await lm('reset')).toMatchObject({ code: 6, stderr: expect.stringContaining(`elsewhere to ${hostname()}`) });
    mapFile('a: b');
    expect((await lm('reset')).code).toBe(0);
  });

  test('refuses while a task runs', async () => {
    const { dir, roots } = open('destination');
    markComplete(dir);
    const lock = await acquireLock(roots, { dir, command: 'lm verify' });
    expect((await lm('reset')).code).toBe(9);
    await lock.release();
    expect(readCompletion(dir).state).toBe('COMPLETED');
  });
});

describe('lm status', () => {
  const sidecar = createServer((_, response) => response.end('{"state":"COMPLETED","endTime":1731000900000}'));

  afterEach(() => new Promise((resolve) => sidecar.close(resolve)));

  test('with nothing known, says where it looked', async () => {
    expect(await lm('status')).toMatchObject({ code: 0, stdout: expect.stringContaining(stateDir) });
  });

  test('tells of both roles, the last copy and the lock, though the source cannot be reached', async () => {
    open('source', 'from');
    const { dir, roots } = open('destination', 'to');
    write(dir, ...copied);
    recordLastCopy(dir, { endedMs: 1731000900000, exitCode: 0, message: '', report });
    remember(dir, { url: 'http://127.0.0.1:1' });
    const lock = await acquireLock(roots, { dir, command: 'lm copy' });
    const { code, stdout } = await lm('status');
    await lock.release();
    expect(code).toBe(0);
    expect(stdout).toContain('from: source\n');
    expect(stdout).toContain('to: destination\n');
    expect(stdout).toMatch(/ source +http:\/\/127\.0\.0\.1:1: cannot be asked: .*connection refused/);
    expect(stdout).toMatch(new RegExp(` running +lm copy \\(pid ${pid}, `));
    expect(stdout).toMatch(/ last copy +ended 2024-11-07T17:35:00Z with exit code 0 \(goal met\), threshold 95 %/);
    expect(stdout).toMatch(/ 0 +SUCCESS +100 % +2\.0 KiB +2 in 1\.0 KiB +1 +0\n/);
    expect(stdout).toMatch(/ verified +no\n/);
  });

  test('tells how a copy ended that left no report', async () => {
    const { dir } = open('destination');
    write(dir, ...copied, began('copy', 'd'), { type: 'copy-ended', run: 'd', exitCode: 130 });
    recordLastCopy(dir, { endedMs: 1731000900000, exitCode: 0, message: '', report });
    expect((await lm('status')).stdout).toMatch(
      / last copy +began .*Z, ended with exit code 130 \(interrupted \(SIGINT\)\); before that: ended 2024-11-07/,
    );
    write(dir, began('copy', 'e'));
    expect((await lm('status')).stdout).toMatch(/ last copy +began .*Z, was cut off; before that: ended 2024-11-07/);
  });

  test('asks the source, and speaks JSON, a line a migration and a summary', async () => {
    sidecar.listen(0, '127.0.0.1');
    await once(sidecar, 'listening');
    const { dir } = open('destination');
    const url = `http://127.0.0.1:${(sidecar.address() as AddressInfo).port}`;
    remember(dir, { url });
    const { code, stdout } = await lm('status', '--json');
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(code).toBe(0);
    expect(lines).toMatchObject([
      {
        type: 'migration',
        role: 'destination',
        completion: { state: 'NOT_COMPLETED', endTime: null },
        source: { url, kind: 'sidecar', status: { state: 'COMPLETED', endTime: 1731000900000 } },
        holder: null,
        verified: false,
      },
      { type: 'summary', exitCode: 0, migrations: 1 },
    ]);
  });
});
