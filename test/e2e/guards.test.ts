// What must never happen to data, whatever the operator or the source does. Each refusal is 6 and leaves the disk as it was.

import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, cpSync, existsSync, mkdirSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { isPartName } from '../../src/files/entry.js';
import { LONG, sample } from '../support/form.js';
import { freePort } from '../support/free-port.js';
import { holdOpen, release } from '../support/holders.js';
import { jsonLines } from '../support/lm.js';
import { longTest } from '../support/long-test.js';
import { sandbox } from '../support/sandbox.js';
import { dir, file, readTree, type Tree, writeTree } from '../support/tree.js';

const MIB = 1024 * 1024;

const TEN: Tree = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`f${i}`, `content ${i}`]));

/** A pair that has been copied once. */
async function copied(tree: Tree = TEN) {
  const box = sandbox();
  const from = box.source.write('data', tree);
  const to = box.destination.write('data', {});
  const agent = await box.source.serve([from]);
  // Below 1.0, so that nobody waits until what was written just now can be believed.
  expect(await box.destination.lm(['copy', agent.url, to, '--threshold', '0.99'])).toMatchObject({ code: 0 });
  const before = await readTree(to);
  const untouched = async () => expect(await readTree(to)).toEqual(before);
  return { ...box, from, to, agent, untouched };
}

describe('a source that shows nothing never empties a destination', () => {
  test('its root is gone', async () => {
    const { from, destination, untouched } = await copied();
    rmSync(from, { recursive: true });
    expect([5, 6]).toContain((await destination.lm(['copy', '--max-delete', '100%'])).code);
    await untouched();
  });

  test('another, empty directory stands in its place, as when a disk is not mounted', async () => {
    const { from, destination, source, agent, untouched } = await copied();
    renameSync(from, `${from}.unmounted`);
    mkdirSync(from);
    const noticed = await destination.lm(['copy', '--max-delete', '100%']);
    expect(noticed).toMatchObject({ code: 5, stderr: expect.stringContaining('another directory') });
    await untouched();

    await agent.stop();
    const again = await source.serve([from]); // as after a boot without the disk: the agent itself cannot know
    const refused = await destination.lm(['copy', again.url, '--max-delete', '100%']);
    expect(refused).toMatchObject({ code: 6, stderr: expect.stringContaining('--new-source') });
    await untouched();
  });

  test('it is empty, though the same', async () => {
    const { from, destination, untouched } = await copied();
    execFileSync('sh', ['-c', 'rm "$0"/*', from]);
    const { code, stderr } = await destination.lm(['copy', '--max-delete', '100%']);
    expect(code).toBe(6);
    expect(stderr).toMatch(/lists nothing at all/);
    expect(stderr).toContain('\nerror source-empty (6): nothing was removed or replaced after that');
    await untouched();
  });
});

describe('identity', () => {
  test('a directory here that is gone, as with its disk, is refused, and a dry run says that it would be', async () => {
    const { to, destination } = await copied();
    rmSync(to, { recursive: true });
    const dry = await destination.lm(['copy', '--dry-run']);
    expect(dry).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/would refuse: a destination directory is not/),
    });
    expect(dry.stderr).toContain(`data/0 does not exist at ${to}`);
    const refused = await destination.lm(['copy']);
    expect(refused).toMatchObject({ code: 6, stderr: expect.stringContaining('a destination directory is not') });
    expect(existsSync(to)).toBe(false);
  });

  test('the same path on another directory is another source', async () => {
    const { from, destination, source, agent, untouched } = await copied();
    await agent.stop();
    cpSync(from, `${from}.clone`, { recursive: true, preserveTimestamps: true });
    renameSync(from, `${from}.old`);
    renameSync(`${from}.clone`, from);
    rmSync(`${from}/f0`);
    const { url } = await source.serve([from]);
    const refused = await destination.lm(['copy', url]);
    expect(refused).toMatchObject({ code: 6, stderr: expect.stringContaining('--new-source') });
    expect(refused.stderr).toContain('\nerror other-sides (6): nothing was removed or replaced after that; ');
    await untouched();
    expect(await destination.lm(['copy', url, '--new-source'])).toMatchObject({ code: 0 });
  });

  test('another agent is another source', async () => {
    const { host, destination, untouched } = await copied();
    const stranger = host('stranger');
    const agent = await stranger.serve([stranger.write('data', { strange: 's' })]);
    expect(await destination.lm(['copy', agent.url])).toMatchObject({ code: 6 });
    await untouched();
  });

  longTest('the same agent started again is the same source', async () => {
    const { agent, source, from, destination } = await copied();
    await agent.stop();
    const again = await source.serve([from]);
    expect(await destination.lm(['copy', again.url])).toMatchObject({ code: 0 });
  });

  test('another directory under the destination path is another destination', async () => {
    const { to, destination } = await copied();
    renameSync(to, `${to}.old`);
    mkdirSync(to);
    expect(await destination.lm(['copy'])).toMatchObject({ code: 6 });
    expect(await readTree(to)).toEqual({});
  });
});

describe('adoption', () => {
  test('a destination that was not empty is not touched, until it is given', async () => {
    const { source, destination } = sandbox();
    const from = source.write('data', { a: file({ content: 'new', mtimeNs: 1_700_000_000_000_000_000n }) });
    const to = destination.write('data', { a: 'old', mine: 'mine' });
    const before = await readTree(to);
    const agent = await source.serve([from]);
    const refused = await destination.lm(['copy', agent.url, to]);
    expect(refused).toMatchObject({ code: 6, stderr: expect.stringContaining('--adopt') });
    expect(refused.stderr).toMatch(/it would remove 1 of 2 entries \(4 B of 7 B\), first:\n {4}data\/0\/mine\n/);
    expect(await readTree(to)).toEqual(before);
    expect(await destination.lm(['copy', agent.url, to, '--adopt', '--max-delete', '100%'])).toMatchObject({ code: 0 });
    expect(await readTree(to)).toEqual(await readTree(from));
  });

  test('a directory is named so that it can forge no line', async () => {
    const { source, destination } = sandbox();
    const agent = await source.serve([source.write('data', { a: 'a' })]);
    const to = destination.write('da\nta', { mine: 'mine' });
    const { code, stderr } = await destination.lm(['copy', agent.url, to]);
    expect(code).toBe(6);
    expect(stderr).toContain(`  data/0 is ${destination.path('da')}\\nta\n`);
  });

  longTest('it is asked once', async () => {
    const { to, destination, from } = await copied();
    execFileSync('sh', ['-c', 'echo more > "$0/more"', to]);
    expect(await destination.lm(['copy'])).toMatchObject({ code: 0 });
    expect(await readTree(to)).toEqual(await readTree(from));
  });
});

describe('--max-delete', () => {
  const sixGo = (from: string) => execFileSync('sh', ['-c', 'cd "$0" && rm f0 f1 f2 f3 f4 f5', from]);

  longTest.each([
    [[], 6],
    [['--max-delete', '59%'], 6],
    [['--max-delete', '5'], 6],
    [['--max-delete', '6'], 0],
    [['--max-delete', '60%'], 0],
  ])('six of ten with %j: %d', async (args, code) => {
    const { from, to, destination, untouched } = await copied();
    sixGo(from);
    const result = await destination.lm(['copy', ...args]);
    expect(result.code).toBe(code);
    if (code === 0) expect(await readTree(to)).toEqual(await readTree(from));
    else await untouched();
  });

  test('a refusal shows how much would have gone, what first, and the flag that allows exactly that', async () => {
    const { from, to, destination, untouched } = await copied();
    sixGo(from);
    const { stdout, stderr } = await destination.lm(['copy']);
    expect(stdout).toMatch(/^plan: 0 to copy \(0 B\), 6 to remove \(54 B\), 4 unchanged$/m);
    expect(stderr.trimEnd().split('\n')).toEqual([
      'lm copy: the source has lost more than --max-delete 50% allows',
      '  of what it held when that was last accepted it has lost 54 B of 90 B, 6 of 10 files:',
      '    data: 90 B in 10 files, now 36 B in 4 files',
      '  it would remove 6 of 10 entries (54 B of 90 B), first:',
      ...[0, 1, 2, 3, 4, 5].map((i) => `    data/0/f${i}`),
      'hint: is all of it there by right? if so: --max-delete 60%',
      'error max-delete (6): nothing was removed or replaced after that; what was copied is kept',
    ]);
    await untouched();
    expect(await destination.lm(['copy', '--max-delete', '60%'])).toMatchObject({ code: 0 });
    expect(await readTree(to)).toEqual(await readTree(from));
  });

  const canMount = process.getuid?.() === 0 ? test : test.skip;

  canMount('a rewrite goes one pass later, where there is room for both', async () => {
    const { source, destination, defer } = sandbox();
    const big = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`old${i}`, file({ size: 64 * 1024 })]));
    const from = source.write('data', { ...big, kept: 'kept' });
    const agent = await source.serve([from]);
    const to = destination.write('data', {});
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', to]);
    defer(() => execFileSync('umount', [to]));
    const copy = (...more: string[]) => destination.lm(['copy', agent.url, to, '--threshold', '0.99', ...more]);
    const first = await copy();
    expect(first).toMatchObject({ code: 0, stdout: expect.stringContaining('a final pass would not be refused now') });
    execFileSync('sh', ['-ec', 'cd "$0"; rm old*; head -c 1300000 /dev/zero | tr "\\0" n > new', from]);
    const tight = await copy();
    expect(tight).toMatchObject({
      code: 6,
      stderr: expect.stringMatching(/no room for what replaces 20 entries .*\n {2}not enough space/),
    });
    expect(readdirSync(to)).toHaveLength(21);
    execFileSync('mount', ['-o', 'remount,size=4m', to]);
    const { code, stdout } = await copy('--max-iterations', '1', '--json');
    expect(code).toBe(0);
    expect(stdout).toContain('20 entries (1.3 MiB) go once what replaces them is here');
    const { status } = jsonLines(stdout).at(-1)!['report'];
    expect(status).toMatchObject([
      { filesRemoved: 0, filesDownloaded: 1 },
      { filesRemoved: 20, state: 'SUCCESS' },
    ]);
    expect(await readTree(to)).toEqual(await readTree(from));
  });

  test('it holds for what the same copy has brought: its source may have lost it since', async () => {
    const { source, destination } = sandbox();
    const from = source.write('data', TEN);
    const agent = await source.serve([from]);
    const to = destination.write('data', {});
    const lose = `[ $LM_ITERATION != 1 ] || (cd '${from}' && rm f0 f1 f2 f3 f4 f5)`;
    const { code, stderr } = await destination.lm(['copy', agent.url, to, '--pre-check', lose]);
    expect(code).toBe(6);
    expect(stderr).toMatch(/it would remove 6 of 10 entries/);
    expect(Object.keys(await readTree(to))).toHaveLength(10);
  });
});

test.each(sample(2, [[[]], [['--diff', 'checksum']]]))(
  'a dry run prints the lines and counts of the real one, and changes nothing: %p',
  async (how: string[]) => {
    const { from, to, destination, untouched } = await copied({ ...TEN, d: dir({ x: 'x' }), e: dir({ y: 'y' }) });
    execFileSync('sh', [
      '-ec',
      'cd "$0"; rm f0; rm -r d; echo new > f1; mkdir n; echo n > n/n; chmod 600 f2; chmod 700 e',
      from,
    ]);
    const said = async (args: string[]) => {
      const { stdout } = await destination.lm(['copy', '--json', '--verbose', ...args]);
      const lines = jsonLines(stdout);
      const {
        iteration: _,
        dryRun,
        schema,
        type,
        ts,
        run,
        ...planned
      } = lines.find((line) => line.type === 'planned')!;
      const items = lines
        .filter((line) => line.type === 'item')
        .map(({ action, key, reason }) => `${action} ${reason} ${key}`);
      return { planned, items: items.sort() };
    };
    const dry = await said(['--dry-run', ...how]);
    await untouched();
    const text = await destination.lm(['copy', '--dry-run', ...how]);
    expect(text.stdout).toMatch(/^would remove {2}foreign .* data\/0\/f0$/m);
    expect(text.stdout).toMatch(/^plan: \d+ to copy \(.*\), \d+ to remove \(.*\), \d+ unchanged$/m);
    await untouched();
    expect(dry).toEqual(await said(how));
    expect(dry.items).toEqual(
      expect.arrayContaining([
        ...['copy size data/0/f1', 'fix mode data/0/e', 'fix mode data/0/f2', 'remove foreign data/0/d/x'],
      ]),
    );
    expect(await readTree(to)).toEqual(await readTree(from));
  },
);

describe('forbidden destinations', () => {
  test.each([
    ['/', () => '/'],
    ['a home directory', ({ home }: { home: string }) => home],
    ['the state directory', ({ stateDir }: { stateDir: string }) => stateDir],
    ['inside the state directory', ({ stateDir }: { stateDir: string }) => `${stateDir}/inside`],
    ['around the state directory', ({ around }: { around: string }) => around],
    ['the source itself', ({ from }: { from: string }) => from],
    ['inside the source', ({ from }: { from: string }) => `${from}/d`],
    ['around the source', ({ above }: { above: string }) => above],
  ])('%s', async (_, where) => {
    const { source, destination } = sandbox();
    const from = source.write('above/data', { a: 'a', d: dir({}) });
    const agent = await source.serve([from]);
    mkdirSync(destination.stateDir);
    const places = { home: destination.home, stateDir: destination.stateDir, around: destination.dir };
    const to = where({ ...places, from, above: source.path('above') });
    const before = to === '/' ? {} : await readTree(to).catch(() => ({}));
    const { code, stderr } = await destination.lm([
      'copy',
      agent.url,
      to,
      '--adopt',
      '--max-delete',
      '100%',
      '--dry-run',
    ]);
    expect([2, 6]).toContain(code);
    if (code === 6) expect(stderr).toContain('error forbidden-root (6): nothing was written\n');
    expect(stderr).toMatch(/^lm copy: /m);
    if (to !== '/' && to !== destination.dir) expect(await readTree(to).catch(() => ({}))).toEqual(before);
  });
});

describe('the service of the destination', () => {
  test('something listens on a guarded port', async () => {
    const { destination, untouched } = await copied();
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    expect(await destination.lm(['copy', '--guard-port', String(port)])).toMatchObject({
      code: 6,
      stderr: expect.stringContaining('\nerror service-runs (6): '),
    });
    await untouched();
    server.close();
    await once(server, 'close');
    expect(await destination.lm(['copy', '--guard-port', String(port)])).toMatchObject({ code: 0 });
  });

  test('a process has a file of the roots open', async () => {
    const { destination, to, defer } = await copied();
    const fd = openSync(`${to}/f0`, 'r');
    defer(() => closeSync(fd));
    const { code, stderr } = await destination.lm(['copy']);
    expect(code).toBe(6);
    expect(stderr).toContain(String(process.pid));
  });

  test('--pre-check decides, and is told what it decides on', async () => {
    const { destination, agent } = await copied();
    const told = destination.path('told');
    const check = `env | grep ^LM_ | sort > ${told}`;
    expect(await destination.lm(['copy', '--pre-check', check])).toMatchObject({ code: 0 });
    const env = execFileSync('cat', [told]).toString();
    expect(env).toContain(`LM_PORT=${new URL(agent.url).port}`);
    for (const name of ['LM_SOURCE', 'LM_ROOTS', 'LM_ITERATION', 'LM_THRESHOLD']) expect(env).toContain(`${name}=`);
    expect(await destination.lm(['copy', '--pre-check', 'false'])).toMatchObject({ code: 6 });
  });

  test('--pre-check is asked once more before anything is removed', async () => {
    const { destination, from, untouched } = await copied();
    rmSync(`${from}/f0`);
    const once = `mkdir '${destination.path('asked')}'`; // fails the second time
    const { code, stderr } = await destination.lm(['copy', '--pre-check', once]);
    expect(code).toBe(6);
    expect(stderr).toMatch(/^lm copy: the pre-check ended with exit code 1: mkdir/m);
    expect(stderr).toContain('\nerror pre-check (6): ');
    await untouched();
  });

  const asNobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
  const behindHidepid = 'mount -t proc -o hidepid=2 proc /proc && exec "$@"';

  const unseenIn: [string, string[], RegExp][] = [
    [
      'in a PID namespace of its own',
      ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'],
      /PID namespace of lm/,
    ],
    [
      'behind hidepid',
      ['unshare', '-m', 'sh', '-c', behindHidepid, 'sh', ...asNobody],
      /the hidepid option of \/proc hides/,
    ],
    ['of another user', asNobody, /could not look into \d+ processes: /],
  ];
  test.each(sample(3, unseenIn))(
    '%s is not seen: told, and of a Cassandra tree not taken for stopped',
    async (_, under, unseen) => {
      if (spawnSync(under[0]!, [...under.slice(1), 'true']).status !== 0) return; // takes root
      const { source, host, dir: base } = sandbox();
      const data = ['--root', `data=${source.write('data', { a: 'a' })}`];
      const tree = [...data, '--root', `commitlog=${source.write('log', { c: 'c' })}`];
      const copyTo = (name: string, url: string, types: string[]) => {
        const there = host(name);
        const roots = types.flatMap((type) => ['--root', `${type}=${there.write(type, {})}`]);
        const open =
          'mkdir "$0"; chmod -R a+rwX "$1" "$4"/*/; chmod go-w "$1" "$0" "$4/state"; chmod a+rx "$2"; chown "$3" "$0"';
        const user = under.includes(asNobody[0]!) ? '65534' : '0';
        execFileSync('sh', ['-ec', open, there.stateDir, there.dir, base, user, source.dir]);
        return (args: string[] = []) => there.lm(['copy', url, ...roots, '--threshold', '0.5', ...args], { under });
      };
      if (LONG) {
        const plain = await copyTo('plain', (await source.serve([...data, '--instance', 'plain'])).url, ['data'])();
        expect(plain).toMatchObject({ code: 0, blind: expect.stringMatching(unseen) });
      }
      const agent = await source.serve([...tree, '--instance', 'cassandra']);
      const copy = copyTo('cassandra', agent.url, ['data', 'commitlog']);
      const refused = await copy();
      expect(refused).toMatchObject({ code: 6, stderr: expect.stringMatching(/^hint: .*--guard-port.*--pre-check/m) });
      expect(refused.stderr).toMatch(unseen);
      if (LONG) expect(await copy(['--guard-port', `${await freePort()}`])).toMatchObject({ code: 0 });
    },
  );

  describe('that starts while files are copied stops the copy at once, and nothing is removed any more', () => {
    const servers: Server[] = [];
    afterEach(() => {
      for (const server of servers.splice(0)) server.close();
      return release();
    });

    /** A copy that takes a minute, in its middle; then what `starts` does, and how the copy ended: before its big file was there. */
    async function interrupted<T>(starts: (to: string, port: number) => Promise<T>) {
      const { from, to, destination } = await copied();
      writeTree(from, { big: file({ size: 60 * MIB }) });
      const port = await freePort();
      const copy = destination.start(['copy', '--limit-rate', '1MiB/s', '--guard-port', `${port}`, '--json']);
      await copy.says(/"progress".*"bytesDone":[1-9]/);
      rmSync(`${from}/f0`); // the next pass would remove it here
      const started = await starts(to, port);
      const { code, stderr } = await copy.done;
      expect(Object.keys(await readTree(to)).filter((name) => !isPartName(name))).toEqual(Object.keys(TEN));
      return { code, stderr, to, started };
    }

    longTest('by its port', async () => {
      const server = createServer();
      servers.push(server);
      const listens = async (_: string, port: number) => {
        await once(server.listen(port, '127.0.0.1'), 'listening');
        return port;
      };
      const { code, stderr, started: port } = await interrupted(listens);
      expect(code).toBe(6);
      expect(stderr).toMatch(
        new RegExp(`^lm copy: the destination service seems to run: something listens on 127.0.0.1:${port}$`, 'm'),
      );
    });

    test('by a file it opens', async () => {
      const { code, stderr, to, started: pid } = await interrupted((to) => holdOpen(`${to}/f1`));
      expect(code).toBe(6);
      expect(stderr).toMatch(
        new RegExp(`^lm copy: the destination is in use: \\w+ \\(pid ${pid}\\) has ${to}/f1 open$`, 'm'),
      );
    });
  });
});

describe('completion', () => {
  test('the destination is not complete without a verification after the last copy', async () => {
    const { destination } = await copied();
    expect(await destination.lm(['complete'])).toMatchObject({ code: 6, stderr: expect.stringContaining('lm verify') });
    expect(await destination.lm(['verify'])).toMatchObject({ code: 0 });
    expect(await destination.lm(['copy'])).toMatchObject({ code: 0 });
    expect(await destination.lm(['complete'])).toMatchObject({ code: 6 });
    expect(await destination.lm(['complete', '--unverified'])).toMatchObject({ code: 0 });
  });

  test('it is one-way until reset', async () => {
    const { source, destination, untouched, from } = await copied();
    expect(await source.lm(['complete'])).toMatchObject({ code: 0 });
    expect(await source.lm(['complete'])).toMatchObject({ code: 0, stdout: expect.stringContaining('since') });
    rmSync(`${from}/f0`);
    expect(await destination.lm(['copy'])).toMatchObject({ code: 6 });
    await untouched();
    expect(await source.lm(['reset'])).toMatchObject({ code: 0 });
    expect(await destination.lm(['copy'])).toMatchObject({ code: 0 });
  });

  longTest('reset ends adoption: the next copy asks again', async () => {
    const { destination, agent, to } = await copied();
    expect(await destination.lm(['complete', '--unverified'])).toMatchObject({ code: 0 });
    expect(await destination.lm(['reset'])).toMatchObject({ code: 0 });
    expect(await destination.lm(['copy', agent.url, to])).toMatchObject({ code: 6 });
  });

  longTest('status knows', async () => {
    const { source, destination, agent } = await copied();
    const state = async () => (await fetch(`${agent.url}/api/v1/live-migration/status`)).json();
    expect(await state()).toEqual({ state: 'NOT_COMPLETED', endTime: null });
    await source.lm(['complete']);
    expect(await state()).toMatchObject({ state: 'COMPLETED', endTime: expect.any(Number) });
    expect((await destination.lm(['status'])).stdout).toContain('COMPLETED');
  });
});

describe('names', () => {
  test('a name that is not UTF-8 stops the run before a byte moves', async () => {
    const { source, destination } = sandbox();
    const from = source.write('data', { a: 'a' });
    execFileSync('sh', ['-c', 'cd "$0" && printf x > "$(printf "bad\\377name")"', from]);
    const to = destination.write('data', {});
    const agent = await source.serve([from]);
    const { code, stderr } = await destination.lm(['copy', agent.url, to]);
    expect(code).toBe(6);
    expect(stderr).toMatch(/bad.*name/);
    expect(await readTree(to)).toEqual({});
  });

  test('a source entry named like unfinished bytes is refused by name', async () => {
    const { source, destination } = sandbox();
    const name = '.lm-0123456789abcdef.lm-part';
    const agent = await source.serve([source.write('data', { a: 'a', [name]: 'x' })]);
    const { code, stderr } = await destination.lm(['copy', agent.url, destination.write('data', {})]);
    expect(code).toBe(6);
    expect(stderr).toContain(name);
  });

  test('a link in the destination is not followed out of it', async () => {
    const { from, to, destination } = await copied({ d: dir({ x: 'x' }) });
    const outside = destination.write('outside', { x: 'theirs' });
    execFileSync('sh', ['-ec', 'rm -r "$0/d"; ln -s "$1" "$0/d"', to, outside]);
    expect(await destination.lm(['copy', '--max-delete', '100%'])).toMatchObject({ code: 0 });
    expect((await readTree(outside))['x']).toMatchObject({ size: 'theirs'.length });
    expect(await readTree(to)).toEqual(await readTree(from));
  });
});

test('sockets and pipes are reported and skipped', async () => {
  const { source, destination } = sandbox();
  const from = source.write('data', { a: 'a' });
  execFileSync('mkfifo', [`${from}/pipe`]);
  const to = destination.write('data', {});
  const agent = await source.serve([from]);
  const { code, stderr } = await destination.lm(['copy', agent.url, to]);
  expect(code).toBe(0);
  expect(stderr).toContain('data/0/pipe');
  expect(Object.keys(await readTree(to))).toEqual(['a']);
});

test.each([
  ['here', 2, 'destination'],
  ['at the source', 6, 'source'],
] as const)('a pattern that gets lost in a path, %s, is named instead of holding up the run', async (_, code, side) => {
  const box = sandbox();
  const to = box.destination.path('data');
  const from = box.source.write('data', { ['a'.repeat(60)]: 'a' });
  box[side].write('.', { 'lm.yaml': 'live_migration: {files_to_exclude: ["regex:.*/(a+)+b"]}' });
  const agent = await box.source.serve([from]);
  const result = await box.destination.lm(['copy', agent.url, to]);
  expect(result.code).toBe(code);
  expect(result.stderr).toContain('files_to_exclude: regex:.*/(a+)+b: it takes more than 3 s to match /');
});
