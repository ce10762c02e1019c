// What a copy at 1.0 must know before it says that nothing was lost: that the source stands still, and that times tell the truth.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, chmodSync, existsSync, lstatSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { holdOpen, leaveBehind, release } from '../support/holders.js';
import { jsonLines } from '../support/lm.js';
import { sandbox } from '../support/sandbox.js';
import { dir, file, readTree, setMtime, type Tree } from '../support/tree.js';

afterEach(release);

/** No test waits until a process has had half a minute to go. */
const AT_ONCE = ['--wait-for-writer', '0s'];

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
    const { code, stdout, stderr } = await destination.lm(['copy', agent.url, to, ...AT_ONCE]);
    expect(code).toBe(6);
    const holding = `\\w+ \\(pid ${pid}\\) has ${from}/b open for writing`;
    expect(stderr).toMatch(new RegExp(`^warning: no copy of this source is exact while ${holding}$`, 'm'));
    expect(stderr).toMatch(new RegExp(`^lm copy: the source is still written to: ${holding}$`, 'm'));
    const [hint, last] = stderr.trimEnd().split('\n').slice(-2);
    expect(hint).toMatch(/^hint: .*--allow-live-source/);
    for (const named of [`(pid ${pid})`, `${from}/b`]) expect(hint).toContain(named);
    expect(last).toMatch(/^error source-in-use \(6\): /);
    expect(stdout.match(/DOWNLOADING$/gm)).toHaveLength(1);
    expect(stdout).not.toContain('SUCCESS');
    expect(await readTree(to)).toEqual(await readTree(from));

    await release();
    expect(await destination.lm(['copy'])).toMatchObject({ code: 0, stderr: '' });
  });

  test('every one of them is told', async () => {
    const { agent, destination, from, to } = await pair();
    const pids = [await holdOpen(`${from}/a`), await holdOpen(`${from}/b`)];
    const { code, stdout } = await destination.lm(['copy', agent.url, to, '--json', ...AT_ONCE]);
    const { message, details } = jsonLines(stdout).find(({ type }) => type === 'error')!;
    expect(code).toBe(6);
    for (const pid of pids) expect([message, ...details].join('\n')).toContain(`(pid ${pid})`);
  });

  test('is waited for, which shows; then all is listed again, and nothing is lost', async () => {
    const { agent, destination, from, to } = await pair();
    await holdOpen(`${from}/b`);
    const copy = destination.start(['copy', agent.url, to]);
    await copy.says(/^waiting for \w+ \(pid \d+\) to end, .* at most$/m);
    writeFileSync(`${from}/b`, 'the last it wrote');
    await release();
    const { code, stdout } = await copy.done;
    expect(code).toBe(0);
    expect(stdout).toContain('SUCCESS');
    expect(await readTree(to)).toEqual(await readTree(from));
  });

  test('is waited for until Ctrl-C', async () => {
    const { agent, destination, from, to } = await pair();
    await holdOpen(`${from}/b`);
    const copy = destination.start(['copy', agent.url, to, '--json']);
    await copy.says(/"type":"waiting"/);
    copy.kill('SIGINT');
    expect(await copy.done).toMatchObject({ code: 130 });
  });

  test('and is written to all the time ends it after one downloading pass, not after three', async () => {
    const { agent, destination, from, to } = await pair();
    await leaveBehind(`exec 3>>'${from}/b'`, 'while :; do echo more >&3; sleep 0.05; done');
    const { code, stdout, stderr } = await destination.lm(['copy', agent.url, to, ...AT_ONCE]);
    expect(code).toBe(6);
    expect(stderr.trimEnd().split('\n').at(-2)).toMatch(new RegExp(`\\(pid \\d+\\) .*${from}/b`));
    expect(stdout.match(/DOWNLOADING$/gm)).toHaveLength(1);
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
  execFileSync('chmod', ['a+rx', base]);
  execFileSync('chown', ['-R', '65534', source.dir]);
  const agent = await source.serve([from], { under: ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] });
  await holdOpen(`${from}/a`); // by root
  const to = destination.write('data', {});
  const { code, blind } = await destination.lm(['copy', agent.url, to, '--owner', 'numeric']);
  expect(code).toBe(0);
  expect(blind).toMatch(/^warning: could not look into \d+ processes: .* at the source: .*need not be exact$/m);
});

const ownNamespace = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'];
const canUnshare =
  process.getuid?.() === 0 && spawnSync(ownNamespace[0]!, [...ownNamespace.slice(1), 'true']).status === 0;
const inContainers = canUnshare ? describe : describe.skip;

inContainers('an agent in a PID namespace of its own, which hides whoever writes', () => {
  async function hiddenWriter(type: 'data' | 'commitlog', serveArgs: string[] = []) {
    const { source, destination } = sandbox();
    const from = source.write('served', { a: 'a' });
    const root = (path: string) => ['--root', `${type}=${path}`];
    const agent = await source.serve([...root(from), ...serveArgs], { under: ownNamespace });
    await holdOpen(`${from}/a`);
    const args = ['copy', agent.url, ...root(destination.write('data', {})), '--allow-running', ...AT_ONCE];
    return { destination, args };
  }
  const UNSEEN = 'could not look into processes outside the PID namespace of lm';

  test('is no proof: it is said', async () => {
    const { destination, args } = await hiddenWriter('data');
    const { code, blind } = await destination.lm(args);
    expect(code).toBe(0);
    expect(blind).toMatch(new RegExp(`^warning: ${UNSEEN}.* at the source: .*need not be exact$`, 'm'));
  });

  test('of a Cassandra tree takes a port, a check, or the word that it is live', async () => {
    const { destination, args } = await hiddenWriter('commitlog');
    const { code, stderr } = await destination.lm(args);
    expect(code).toBe(6);
    expect(stderr).toMatch(
      new RegExp(`^lm copy: cannot tell whether the service at the source is stopped: ${UNSEEN}`, 'm'),
    );
    expect(stderr).toMatch(/^hint: there, give lm serve .*--guard-port, .*--at-rest-check.*--allow-live-source/m);
    expect(await destination.lm([...args, '--allow-live-source'])).toMatchObject({ code: 0 });
  });

  test('with a port: what listens there is somebody who was not seen, on whatever address', async () => {
    const server = createServer().listen(0, '127.0.0.2');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const { destination, args } = await hiddenWriter('commitlog', ['--guard-port', `127.0.0.3:${port}`]);
    const running = await destination.lm(args);
    expect(running.code).toBe(6);
    expect(running.stderr).toMatch(
      new RegExp(`^lm copy: the service at the source seems to run: something listens on 127.0.0.2:${port}$`, 'm'),
    );
    expect(running.stderr).toMatch(/not the address of --guard-port, but as not every process could be looked into/);
    server.close();
    await once(server, 'close');
    expect(await destination.lm(args)).toMatchObject({ code: 0, blind: expect.stringContaining(UNSEEN) });
  });
});

test('--at-rest-check at the source decides on a final pass, and is run for nothing else', async () => {
  const { source, destination } = sandbox();
  const from = source.write('data', { a: 'a' });
  const runs = source.path('runs');
  const script = `echo "$LM_ROOTS" >> '${runs}'; echo is up; [ -e '${source.path('stopped')}' ]`;
  const agent = await source.serve([from, '--at-rest-check', script]);
  const to = destination.write('data', {});
  expect(await destination.lm(['copy', agent.url, to, '--threshold', '0.95'])).toMatchObject({ code: 0 });
  expect(existsSync(runs)).toBe(false);
  const { code, stderr } = await destination.lm(['copy']);
  expect(code).toBe(6);
  expect(stderr).toMatch(
    /^lm copy: the source is not at rest: its --at-rest-check ended with exit code 1: .*\n {2}is up$/m,
  );
  expect(readFileSync(runs, 'utf8')).toBe(`${from}\n`);
  writeFileSync(source.path('stopped'), '');
  expect(await destination.lm(['copy'])).toMatchObject({ code: 0, stderr: '' });
});

describe('a write that does not move the time of a file', () => {
  /** Does the same once: new content of the same length, and the old time. */
  const unseenWrite = (path: string, content: string) =>
    `touch -r '${path}' '${path}.time'; printf '${content}' > '${path}'; touch -r '${path}.time' '${path}'; rm '${path}.time'`;

  test('is found by digest when the file was that young when it was read', async () => {
    const { agent, destination, from, to } = await pair({ young: 'before', old: file({ content: 'x', mtimeNs: 1n }) });
    // Before the first pass the file gets a time that is young however slow the host is; between the first and the second it is written to, unseen.
    const script = `case $LM_ITERATION in 0) touch -d '50 seconds' '${from}/young' ;; 1) ${unseenWrite(`${from}/young`, 'after!')} ;; esac`;
    const result = await destination.lm(['copy', agent.url, to, '--json', '--verbose', '--pre-check', script]);
    expect(result.code).toBe(0);
    expect(jsonLines(result.stdout)).toContainEqual(
      expect.objectContaining({ type: 'item', action: 'copy', key: 'data/0/young', reason: 'digest' }),
    );
    expect(readFileSync(`${to}/young`, 'utf8')).toBe('after!');
    expect(await readTree(to)).toEqual(await readTree(from));
  });

  test('a copy succeeds only when the times are old enough to be proof', async () => {
    const { agent, destination, from, to } = await pair();
    expect(await destination.lm(['copy', agent.url, to, '--threshold', '0.95'])).toMatchObject({ code: 0 });
    execFileSync('touch', [`${from}/a`, `${to}/a`, '-r', from]); // equal, and touched just now
    const touchedMs = lstatSync(`${from}/a`).ctimeMs;
    const { code, stdout } = await destination.lm(['copy', '--json']);
    expect(code).toBe(0);
    const lines = jsonLines(stdout);
    const ageMs = ({ ts }: { ts: string }) => Date.parse(ts) - touchedMs;
    expect(ageMs(lines.at(-1)!)).toBeGreaterThanOrEqual(1_990); // the kernel's clock lags by a tick
    const looks = lines.filter(({ type, side }) => type === 'listed' && side === 'source');
    expect(looks).toHaveLength(ageMs(looks[0]!) < 2_000 ? 2 : looks.length); // on a slow host the first may come late enough
    expect(lines.at(-1)!['report'].status).toMatchObject([{ state: 'SUCCESS', filesDownloaded: 0 }]);
  });

  test('a file that keeps changing in every listing is reported', async () => {
    const { agent, destination, from, to, defer } = await pair();
    const timer = setInterval(() => chmodSync(`${from}/b`, 0o644), 50);
    defer(() => clearInterval(timer));
    const { code, stderr } = await destination.lm(['copy', agent.url, to]);
    expect(code).toBe(6);
    expect(stderr).toMatch(/^lm copy: the source is still written to: data\/0\/b keeps changing$/m);
    expect(stderr.trimEnd().split('\n').at(-2)).toContain('data/0/b');
    const result = await destination.lm(['copy', '--allow-live-source']);
    expect(result).toMatchObject({ code: 0, stderr: expect.stringContaining('data/0/b keeps changing') });
  });

  test('a file that grows all the time, though nobody is seen to hold it, ends the passes with 6 and its name', async () => {
    const { agent, destination, from, to, defer } = await pair();
    const timer = setInterval(() => appendFileSync(`${from}/b`, 'more'), 20);
    defer(() => clearInterval(timer));
    const { code, stderr } = await destination.lm(['copy', agent.url, to, '--max-iterations', '1', ...AT_ONCE]);
    expect(code).toBe(6);
    expect(stderr).toMatch(/^lm copy: the source is still written to: data\/0\/b keeps changing$/m);
  });

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
      const args = ['copy', agent.url, '--root', `commitlog=${to}`, '--allow-running', '--allow-live-source'];
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
    const { code, stderr } = await destination.lm(['copy', agent.url, to, ...AT_ONCE]);
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
