// What a copy at 1.0 must know before it says that nothing was lost: that the source stands still, and that times tell the truth.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, lstatSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from '@jest/globals';
import { holdOpen, release } from '../support/holders.js';
import { jsonLines } from '../support/lm.js';
import { sandbox } from '../support/sandbox.js';
import { dir, file, readTree, setMtime, type Tree } from '../support/tree.js';

afterEach(release);

async function pair(tree: Tree = { a: 'a', b: 'b' }, serveArgs: string[] = []) {
  const box = sandbox();
  const from = box.source.write('data', tree);
  const to = box.destination.write('data', {});
  const agent = await box.source.serve([from, ...serveArgs]);
  return { ...box, from, to, agent };
}

describe('a file that is open for writing at the source', () => {
  test('ends the final pass with 6, process and file named; what was copied is kept', async () => {
    const { agent, destination, from, to } = await pair();
    const pid = await holdOpen(`${from}/b`);
    const { code, stdout, stderr } = await destination.lm(['copy', agent.url, to]);
    expect(code).toBe(6);
    const holding = `\\w+ \\(pid ${pid}\\) has ${from}/b open for writing`;
    expect(stderr).toMatch(new RegExp(`^warning: no copy of this source is exact while ${holding}$`, 'm'));
    expect(stderr).toMatch(new RegExp(`^lm copy: the source is still written to: ${holding}$`, 'm'));
    expect(stderr).toMatch(/^hint: .*--allow-live-source/m);
    expect(stdout).not.toContain('SUCCESS');
    expect(await readTree(to)).toEqual(await readTree(from));

    await release();
    expect(await destination.lm(['copy'])).toMatchObject({ code: 0, stderr: '' });
  });

  test('every one of them is told', async () => {
    const { agent, destination, from, to } = await pair();
    const pids = [await holdOpen(`${from}/a`), await holdOpen(`${from}/b`)];
    const { code, stdout } = await destination.lm(['copy', agent.url, to, '--json']);
    const { message, details } = jsonLines(stdout).find(({ type }) => type === 'error')!;
    expect(code).toBe(6);
    for (const pid of pids) expect([message, ...details].join('\n')).toContain(`(pid ${pid})`);
  });

  test('is a warning with --allow-live-source', async () => {
    const { agent, destination, from, to } = await pair();
    const pid = await holdOpen(`${from}/b`);
    const { code, stderr } = await destination.lm(['copy', agent.url, to, '--allow-live-source']);
    expect(code).toBe(0);
    expect(stderr).toMatch(
      new RegExp(`^warning: this copy need not be exact: .*\\(pid ${pid}\\) has ${from}/b open`, 'm'),
    );
    expect(stderr.match(/^warning:/gm)).toHaveLength(1);
  });

  test('does not matter below 1.0, nor to a part of the keys; a dry run says what a real one would refuse', async () => {
    const { agent, destination, from, to } = await pair({ d: dir({ a: 'a' }) });
    await holdOpen(`${from}/d/a`);
    const below = await destination.lm(['copy', agent.url, to, '--threshold', '0.95']);
    expect(below).toMatchObject({ code: 0, stderr: '' });
    expect(await destination.lm(['copy', '--only', 'data/0/d'])).toMatchObject({ code: 0, stderr: '' });
    const dry = await destination.lm(['copy', '--dry-run']);
    expect(dry).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/a real run would refuse: the source is still/),
    });
  });

  test('does not matter when it is only read, or excluded', async () => {
    const { source, destination } = sandbox();
    source.write('', { 'lm.yaml': 'live_migration:\n  files_to_exclude: ["glob:**/*.log"]\n' });
    const from = source.write('data', { a: 'a', d: dir({ 'x.log': 'log' }) });
    const agent = await source.serve([from]);
    await holdOpen(`${from}/a`, '<');
    await holdOpen(`${from}/d/x.log`);
    const result = await destination.lm(['copy', agent.url, destination.write('data', {})]);
    expect(result).toMatchObject({ code: 0, stderr: '' });
  });
});

const asRoot = process.getuid?.() === 0 ? test : test.skip;

asRoot('an agent that may not look into some process says so, and refuses nothing for it', async () => {
  const { source, destination, dir: base } = sandbox();
  const from = source.write('data', { a: 'a' });
  source.write('state', {});
  execFileSync('chmod', ['-R', 'a+rwX', base]);
  const agent = await source.serve([from], { under: ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] });
  await holdOpen(`${from}/a`); // by root
  const { code, blind } = await destination.lm(['copy', agent.url, destination.write('data', {})]);
  expect(code).toBe(0);
  expect(blind).toMatch(/^warning: could not look into \d+ processes: .* at the source: .*need not be exact$/m);
});

describe('a write that does not move the time of a file', () => {
  /** Does the same once: new content of the same length, and the old time. */
  const unseenWrite = (path: string, content: string) =>
    `touch -r '${path}' '${path}.time'; printf '${content}' > '${path}'; touch -r '${path}.time' '${path}'; rm '${path}.time'`;

  test('is found by digest when the file was that young when it was read', async () => {
    const { agent, destination, from, to } = await pair({ young: 'before', old: file({ content: 'x', mtimeNs: 1n }) });
    // Before the first pass the file is touched; between the first and the second it is written to, unseen.
    const script = `case $LM_ITERATION in 0) touch '${from}/young' ;; 1) ${unseenWrite(`${from}/young`, 'after!')} ;; esac`;
    const result = await destination.lm(['copy', agent.url, to, '--json', '--verbose', '--pre-check', script]);
    expect(result.code).toBe(0);
    expect(jsonLines(result.stdout)).toContainEqual(
      expect.objectContaining({ type: 'item', action: 'copy', key: 'data/0/young', reason: 'digest' }),
    );
    expect(readFileSync(`${to}/young`, 'utf8')).toBe('after!');
    expect(await readTree(to)).toEqual(await readTree(from));
  });

  test('no success is told before the times are old enough to be believed', async () => {
    const { agent, destination, from, to } = await pair();
    expect(await destination.lm(['copy', agent.url, to, '--threshold', '0.95'])).toMatchObject({ code: 0 });
    execFileSync('touch', [`${from}/a`, `${to}/a`, '-r', from]); // equal, and touched just now
    const touchedMs = lstatSync(`${from}/a`).ctimeMs;
    const { code, stdout } = await destination.lm(['copy', '--json']);
    expect(code).toBe(0);
    const lines = jsonLines(stdout);
    expect(Date.parse(lines.at(-1)!.ts) - touchedMs).toBeGreaterThanOrEqual(1_990); // the kernel's clock lags by a tick
    expect(lines.filter(({ type, side }) => type === 'listed' && side === 'source')).toHaveLength(2);
    expect(lines.at(-1)!.report.status).toMatchObject([{ state: 'SUCCESS', filesDownloaded: 0 }]);
  });

  test('a file that is touched in every look cannot be believed', async () => {
    const { agent, destination, from, to, defer } = await pair();
    const timer = setInterval(() => chmodSync(`${from}/b`, 0o644), 50);
    defer(() => clearInterval(timer));
    const { code, stderr } = await destination.lm(['copy', agent.url, to]);
    expect(code).toBe(6);
    expect(stderr).toMatch(/^lm copy: the source is still written to: data\/0\/b is touched all the time$/m);
    const result = await destination.lm(['copy', '--allow-live-source']);
    expect(result).toMatchObject({ code: 0, stderr: expect.stringContaining('data/0/b is touched') });
  }, 60_000);

  const hasPython = spawnSync('python3', ['-c', '']).status === 0;
  // A disk's pages are written back now and then, after which the next store does move the time; those of tmpfs never are.
  const withMappings = hasPython && existsSync('/dev/shm') ? test : test.skip;

  withMappings(
    'a commit log that is written through a mapping is told by its digest (takes python3 and /dev/shm)',
    async () => {
      const { source, destination, defer } = sandbox('/dev/shm');
      const from = source.write('log', { 'CommitLog-7-1.log': file({ size: 8192 }) });
      const to = destination.write('log', {});
      const log = `${from}/CommitLog-7-1.log`;
      const service = spawn('python3', ['-c', MAPPER, log]);
      defer(() => service.kill('SIGKILL'));
      await once(service.stdout, 'data'); // the first store, which moves the time
      setMtime(log, 1_700_000_000_000_000_000n); // so that nobody digests it for being young
      const agent = await source.serve(['--root', `commitlog=${from}`]);
      const args = ['copy', agent.url, '--root', `commitlog=${to}`, '--allow-running', '--threshold', '0.95'];
      expect(await destination.lm(args)).toMatchObject({ code: 0 });
      const before = lstatSync(log, { bigint: true });
      service.stdin.end('\n');
      await once(service, 'exit'); // after the second, which does not
      const after = lstatSync(log, { bigint: true });
      expect([after.mtimeNs, after.size]).toEqual([before.mtimeNs, before.size]);
      expect(await readTree(to)).not.toEqual(await readTree(from));

      const result = await destination.lm(['copy', '--json', '--verbose', '--allow-running']);
      expect(result.code).toBe(0);
      expect(jsonLines(result.stdout).filter(({ type }) => type === 'item')).toMatchObject([
        { action: 'copy', reason: 'digest', key: 'commitlog/0/CommitLog-7-1.log' },
      ]);
      expect(await readTree(to)).toEqual(await readTree(from));
    },
  );

  withMappings('a mapping that stores reach counts as open for writing (takes python3 and /dev/shm)', async () => {
    const { agent, destination, from, to, defer } = await pair({ m: file({ size: 8192 }) });
    const service = spawn('python3', ['-c', MAPPER, `${from}/m`]);
    defer(() => service.kill('SIGKILL'));
    await once(service.stdout, 'data');
    const { code, stderr } = await destination.lm(['copy', agent.url, to]);
    expect(code).toBe(6);
    expect(stderr).toMatch(new RegExp(`^lm copy: .*\\(pid ${service.pid}\\) has ${from}/m open for writing$`, 'm'));
  });
});

/** Maps the file it is given, closes it, and stores into the mapping: once at once, once when it is told to. */
const MAPPER = `
import mmap, os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
m = mmap.mmap(fd, 0)
os.close(fd)
os.closerange(3, 64)
m[5000:5005] = b"first"
print("stored", flush=True)
sys.stdin.read()
m[5000:5005] = b"later"`;

test('a Sidecar is said to be unable to tell', async () => {
  const { agent, destination, to, from, proxy } = await pair();
  await holdOpen(`${from}/a`);
  const between = await proxy(agent.url, { asSidecar: true });
  const { code, stderr } = await destination.lm(['copy', between.url, to]);
  expect(code).toBe(0);
  expect(stderr).toMatch(/^warning: .* is a Sidecar, which cannot tell whether its files are still written to/m);
});
