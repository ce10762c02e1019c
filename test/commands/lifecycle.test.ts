import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pid } from 'node:process';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { partNameOf } from '../../src/disk/disk.js';
import type { CopyReport } from '../../src/report/copy-report.js';
import { completionIn } from '../../src/serve/completion.js';
import { markComplete, readCompletion } from '../../src/state/completion.js';
import { agentId } from '../../src/state/identity/host.js';
import { type Instance, openInstance } from '../../src/state/instance.js';
import { openJournal } from '../../src/state/journal/journal.js';
import type { JournalRecord } from '../../src/state/journal/records.js';
import { recordLastCopy } from '../../src/state/last-run.js';
import { acquireLock } from '../../src/state/lock/lock.js';
import { remember } from '../../src/state/remembered.js';
import { readReopening, reopen } from '../../src/state/reopening.js';
import { endKept } from '../support/kept-processes.js';
import { BIN, lm as run } from '../support/lm.js';

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

afterAll(endKept);

/** The built program, run in `base` with the lm.yaml there, if there is one: root does not read it by itself. */
function lm(...args: string[]) {
  const config = join(base, 'lm.yaml');
  const env = { HOME: base, LM_STATE_DIR: stateDir, ...(existsSync(config) && { LM_CONFIG: config }) };
  return run(args, { cwd: base, env, kept: true });
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
const final: JournalRecord[] = [began('copy', 'f'), { type: 'copy-ended', run: 'f', exitCode: 0, final: true }];
const passed = (limits: object): JournalRecord[] => [
  began('verify', 'v'),
  { type: 'verify-ended', run: 'v', state: 'COMPLETED', exitCode: 0, ...limits },
];
const verified: JournalRecord[] = [
  began('verify', 'v'),
  { type: 'verify-ended', run: 'v', state: 'COMPLETED', exitCode: 0 },
];
const differs: JournalRecord[] = [
  began('verify', 'w'),
  { type: 'verify-ended', run: 'w', state: 'FAILED', exitCode: 4 },
];

/** A map with a pair in which this host has the other name, or none. */
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
  filesLeft: 0,
  bytesLeft: 0,
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

const ended = (exitCode: number): JournalRecord => ({ type: 'copy-ended', run: 'f', exitCode, final: true });

/** Answers every request with: complete. */
const sidecar = createServer((_, response) => response.end('{"state":"COMPLETED","endTime":1731000900000}'));
afterEach(() => new Promise((resolve) => sidecar.close(resolve)));

describe('lm complete', () => {
  test('on the source: marks it once, and prints when', async () => {
    const { dir } = open('source');
    expect(await lm('complete')).toMatchObject({ code: 0, stdout: expect.stringContaining(`data/0=${data}`) });
    const { endTime } = readCompletion(dir);
    const again = await lm('complete');
    expect(again).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`since ${new Date(endTime!).toISOString()}`),
    });
    expect(readCompletion(dir).endTime).toBe(endTime);
  });

  test('on the source: names the fence for the service that runs there', async () => {
    open('source');
    const generic = await lm('complete');
    expect(generic.stdout).toMatch(/^fence: .*systemctl mask SERVICE$/m);
    expect(generic.stdout).toContain('lm serve may be stopped now');
    await lm('reset');
    mkdirSync(join(data, 'system_schema'));
    expect((await lm('complete', '--pre-check', 'true')).stdout).toMatch(/^fence: .*systemctl mask cassandra,/m);
  });

  test('on the source: refuses while its service writes, or listens', async () => {
    const { dir } = open('source');
    const fd = openSync(join(data, 'log'), 'a');
    const holder = spawn('sleep', ['1000'], { stdio: ['ignore', fd, 'ignore'] });
    await once(holder, 'spawn');
    closeSync(fd);
    expect(await lm('complete')).toMatchObject({
      code: 6,
      stderr: expect.stringContaining(`sleep (pid ${holder.pid}) has ${data}/log open for writing`),
    });
    holder.kill();
    await once(holder, 'close');
    sidecar.listen(0, '127.0.0.1');
    await once(sidecar, 'listening');
    const port = String((sidecar.address() as AddressInfo).port);
    const listens = await lm('complete', '--guard-port', port);
    expect(listens).toMatchObject({ code: 6, stderr: expect.stringContaining(`listens on 127.0.0.1:${port}`) });
    expect(readCompletion(dir).state).toBe('NOT_COMPLETED');
    const waived = await lm('complete', '--guard-port', port, '--unverified');
    expect(waived).toMatchObject({ code: 0, stdout: expect.stringContaining('waived: whether the service here has') });
  });

  test.each<[string, JournalRecord[], string]>([
    ['nothing', [], 'nothing was copied by lm'],
    ['nothing verified', final, 'no verification has ended'],
    ['no final pass', [...copied, ...verified], 'the last copy was no final pass'],
    ['a final pass that was refused', [began('copy', 'f'), ended(6), ...verified], 'it ended with exit code 6'],
    ['a copy since', [...final, ...verified, ...copied], 'it may have changed since the last verification'],
    ['a copy that was cut off since', [...final, ...verified, began('copy', 'c')], 'may have changed since the last'],
    ['a part since', [...final, ...verified, ...copied, ...verified], 'one of a part'],
    ['differences', [...final, ...differs], 'the last verification ended as FAILED'],
    ['a verification of a part', [...final, ...passed({ only: 'data/0/ks' })], 'no verification has ended'],
    ['a verification of a live source', [...final, ...passed({ live: true })], 'somebody was at work on the source'],
    ['a verification that left out more', [...final, ...passed({ otherExclusions: true })], 'went by other exclusions'],
    ['a verification without the source', [...final, ...passed({ offline: true })], 'was one of this side alone'],
    ['a verification that began before the copy ended', [final[0]!, verified[0]!, final[1]!, verified[1]!], 'may have'],
  ])('on the destination, refuses: %s', async (_, records, message) => {
    const { dir } = open('destination');
    write(dir, ...records);
    const refused = await lm('complete');
    expect(refused).toMatchObject({ code: 6, stderr: expect.stringContaining(message) });
    expect(refused.stderr).toContain('\nerror not-verified (6): ');
    expect(readCompletion(dir).state).toBe('NOT_COMPLETED');
    expect(existsSync(join(dir, 'lock.json'))).toBe(false);
  });

  test('on the destination: prints what --unverified waives, and a second time is no error', async () => {
    const { dir } = open('destination');
    write(dir, ...copied);
    const { code, stdout } = await lm('complete', '--unverified');
    expect([code, stdout]).toEqual([
      0,
      expect.stringContaining('\nwaived: the final pass, the verification, a last look at both sides\n'),
    ]);
    const since = new Date(readCompletion(dir).endTime!).toISOString();
    expect(await lm('complete')).toMatchObject({ code: 0, stdout: expect.stringContaining(`, since ${since}`) });
  });

  test('on the destination: needs a source that answers, and refuses when that is complete already', async () => {
    const { dir } = open('destination');
    write(dir, ...final, ...verified);
    expect(await lm('complete')).toMatchObject({ code: 2, stderr: expect.stringContaining('LM_URL=') });
    sidecar.listen(0, '127.0.0.1');
    await once(sidecar, 'listening');
    remember(dir, { url: `http://127.0.0.1:${(sidecar.address() as AddressInfo).port}` });
    const { code, stderr } = await lm('complete');
    expect([code, stderr]).toEqual([6, expect.stringContaining('already complete at the source')]);
    expect(stderr).toContain('hint: so it cannot be listed any more: lm reset there');
  });

  test('does not wait for a running copy, but names it', async () => {
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

  test('a damaged journal is no proof', async () => {
    const { dir } = open('destination');
    write(dir, ...final, ...verified);
    writeFileSync(join(dir, 'journal.jsonl'), `${readFileSync(join(dir, 'journal.jsonl'), 'utf8')}{}\n`);
    expect(await lm('complete')).toMatchObject({ code: 6, stderr: expect.stringContaining('may have changed') });
  });
});

describe('which migration is meant', () => {
  test('none is known', async () => {
    expect(await lm('complete')).toMatchObject({ code: 2, stderr: expect.stringContaining(stateDir) });
  });

  test('the only one; of several, the one named, or the one of the role that the map gives this host', async () => {
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

describe('a name that is not known', () => {
  const unknown =
    /^lm [a-z ]+: no migration of nope is known on this host\n {2}from {2}data\/0=.*\nhint: .*--instance$/m;

  test.each([
    ...['serve', 'copy', 'verify', 'complete', 'reset', 'status', 'instances', 'config show'].map((one) => [one, '']),
    ['serve', 'data'],
    ['instances', '--forget nope'],
  ])('is an error of lm %s %s that lists the known ones', async (command, more) => {
    open('source', 'from');
    writeFileSync(join(stateDir, 'from', 'agent.json'), '{}'); // it has been used
    const words = [...command.split(' '), ...more.split(' ').filter((word) => word !== '')];
    const { code, stdout, stderr } = await lm(...words, ...(more.startsWith('--') ? [] : ['--instance', 'nope']));
    expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: '', stderr: expect.stringMatching(unknown) });
  });

  test('is one that copies to what is known under another name', async () => {
    write(open('destination', 'from').dir, ...copied);
    const { code, stderr } = await lm('copy', 'http://127.0.0.1:9', data, '--instance', 'nope');
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(unknown) });
  });

  test('shows settings that a first copy would have', async () => {
    const { code, stdout } = await lm('config', 'show', '--instance', 'nope', '--root', 'data=data');
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^instance +nope/m) });
  });

  test('for directories without a migration, it is not claimed that no migration is known', async () => {
    open('source', 'from');
    expect((await lm('status', '--root', 'data=other')).stdout).toMatch(/^no migration of data\/0=.*other is known/);
  });
});

describe('lm instances', () => {
  test('lists the known migrations, and which are in use', async () => {
    expect((await lm('instances')).stdout).toMatch(/^no migration is known on this host/);
    write(open('destination', 'to').dir, ...copied);
    markComplete(open('source', 'from').dir);
    const lock = await acquireLock([{ path: data }], { dir: join(stateDir, 'to'), command: 'lm copy' });
    const { code, stdout } = await lm('instances');
    await lock.release();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^from {2}source +data\/0=.*: complete since \S+Z$/m);
    expect(stdout).toMatch(/^to {4}destination +data\/0=.*: not complete, in use by lm copy \(pid \d+/m);
    const lines = (await lm('instances', '--json')).stdout.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { type: 'instance', instance: 'from', role: 'source', completion: { state: 'COMPLETED' }, holders: [] },
      { type: 'instance', instance: 'to', roots: [{ key: 'data/0', path: data }], used: true, holders: [] },
      { type: 'summary', command: 'instances', instances: 2 },
    ]);
    expect((await lm('instances', '--instance', 'to')).stdout).not.toMatch(/from/);
  });

  const forget = () => lm('instances', '--forget', 'it');

  test.each(['source', 'destination'] as const)('forgets a %s that is complete', async (role) => {
    markComplete(open(role, 'it').dir);
    expect(await forget()).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/^forgotten: it/) });
    expect(readdirSync(stateDir)).toEqual([]);
  });

  test.each(['source', 'destination'] as const)(
    'keeps a %s that is not, unless its directories are gone',
    async (role) => {
      write(open(role, 'it').dir, ...copied);
      expect(await forget()).toMatchObject({ code: 6, stderr: expect.stringContaining('lm complete --instance it') });
      expect(readdirSync(stateDir)).toEqual(['it']);
      rmSync(data, { recursive: true });
      expect(await forget()).toMatchObject({ code: 0 });
      expect(readdirSync(stateDir)).toEqual([]);
    },
  );

  test('forgets nothing that is in use', async () => {
    markComplete(open('destination', 'it').dir);
    const lock = await acquireLock([{ path: data }], { dir: join(stateDir, 'it'), command: 'lm verify' });
    const destination = await forget();
    await lock.release();
    expect(destination).toMatchObject({ code: 9, stderr: expect.stringContaining('lm verify') });

    rmSync(stateDir, { recursive: true });
    const config = { PATH: process.env['PATH'], HOME: base, LM_STATE_DIR: stateDir };
    const words = [BIN, 'serve', 'data', '--instance', 'it', '--listen', '127.0.0.1:0'];
    const agent = spawn(process.execPath, words, { cwd: base, env: config, stdio: ['ignore', 'pipe', 'inherit'] });
    await once(agent.stdout, 'data');
    rmSync(data, { recursive: true });
    const source = await forget();
    agent.kill('SIGKILL');
    await once(agent, 'close');
    expect(source).toMatchObject({ code: 9, stderr: expect.stringMatching(/in use by lm serve \(pid \d+/) });
    expect(await forget()).toMatchObject({ code: 0 });
  });

  test('forgets nothing of the role that this host still has in the map', async () => {
    markComplete(open('source', 'it').dir);
    mapFile(`${hostname()}: elsewhere`);
    expect(await forget()).toMatchObject({ code: 6, stderr: expect.stringContaining('lm instances --forget again') });
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
    const refused = await lm('reset');
    expect(refused).toMatchObject({ code: 6, stderr: expect.stringContaining('is not complete') });
    expect(refused.stderr).toContain('\nerror not-complete (6): the data and the records are as they were\n');
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
    const again = await lm('reset');
    expect(again).toMatchObject({ code: 0, stdout: expect.stringMatching(/^nothing is left to reset: no migration/) });
    expect((await lm('reset', '--instance', 'it')).code).toBe(2);
  });

  test('removes what copies have left unfinished, and nothing that was a file here', async () => {
    const { dir } = open('destination');
    const partOf = (name: string): string => join(data, partNameOf(name));
    const started = (name: string, more: object = {}): JournalRecord => {
      writeFileSync(partOf(name), 'half of it');
      const { ino } = statSync(partOf(name));
      const file = { size: '20', mtimeNs: '1', ino: '7' };
      return { type: 'part-started', key: `data/0/${name}`, ...file, partIno: `${ino}`, ...more };
    };
    const gone = started('gone');
    rmSync(partOf('gone'));
    write(
      dir,
      ...copied,
      ...[started('basis'), started('other', { partIno: '1' }), started('repaired', { unpublished: true })],
      ...[gone, { ...gone, key: 'data/0/no/such' } as JournalRecord],
    );
    markComplete(dir);
    const { code, stdout } = await lm('reset');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^removed 1 unfinished file, 4\.0 KiB$/m);
    expect(stdout).toContain(`kept a file that a repair had in hand: ${partOf('repaired')}\n`);
    expect(readdirSync(data).sort()).toEqual([partNameOf('other'), partNameOf('repaired')].sort());
  });

  test('of a source may be repeated, until it is served again', async () => {
    const { dir } = open('source');
    markComplete(dir);
    expect((await lm('reset')).code).toBe(0);
    const again = await lm('reset');
    expect(again).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^nothing is left to reset: .* was reset at 2/),
    });
    const words = [BIN, 'serve', 'data', '--listen', '127.0.0.1:0', '--state-dir', stateDir];
    const agent = spawn(process.execPath, words, {
      cwd: base,
      env: { HOME: base },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(agent.stdout, 'data');
    expect(await lm('reset')).toMatchObject({ code: 6, stderr: expect.stringContaining('is not complete') });
    agent.kill('SIGKILL');
    await once(agent, 'close');
  });

  test('keeps the identity of a source, because its agent may be running', async () => {
    const { dir } = open('source');
    const id = agentId(dir);
    reopen(dir, '10.0.0.7');
    markComplete(dir);
    expect(await lm('reset')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('live_migration_status.json, reopened.json'),
    });
    expect([readCompletion(dir).state, readReopening(dir)]).toEqual(['NOT_COMPLETED', undefined]);
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
  test('without a known migration, prints where it looked', async () => {
    expect(await lm('status')).toMatchObject({ code: 0, stdout: expect.stringContaining(stateDir) });
  });

  test('reports both roles, the last copy and the lock, though the source cannot be reached', async () => {
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

  test('names what was damaged at the source, also once it was completed over HTTP', async () => {
    const { dir } = open('destination');
    write(dir, ...final, ...verified);
    expect((await lm('status')).stdout).not.toMatch(/damaged/);
    write(dir, { type: 'sstables', damagedAtSource: 2, all: false });
    completionIn(dir, { serves: 'destination' }).mark('10.0.0.9');
    const { stdout } = await lm('status');
    expect(stdout).toMatch(/ damaged +2 SSTables at the source already, and so here\n/);
    expect(stdout).toMatch(/over HTTP, without a repair of 2 SSTables that were damaged at the source\n/);
    expect(JSON.parse((await lm('status', '--json')).stdout.split('\n')[0]!)).toMatchObject({ damagedAtSource: 2 });
  });

  test('reports how a copy without a report ended', async () => {
    const { dir } = open('destination');
    write(dir, ...copied, began('copy', 'd'), { type: 'copy-ended', run: 'd', exitCode: 130 });
    recordLastCopy(dir, { endedMs: 1731000900000, exitCode: 0, message: '', report });
    expect((await lm('status')).stdout).toMatch(
      / last copy +began .*Z, ended with exit code 130 \(interrupted \(SIGINT\)\); before that: ended 2024-11-07/,
    );
    write(dir, began('copy', 'e'));
    expect((await lm('status')).stdout).toMatch(/ last copy +began .*Z, was cut off; before that: ended 2024-11-07/);
  });

  test('asks the source, and prints JSON: a line per migration and a summary', async () => {
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
