// --backup-dir: whatever a copy removes or replaces is found again, under its own key, in a directory of that run.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { LONG } from '../support/form.js';
import { until } from '../support/holders.js';
import { jsonLines } from '../support/lm.js';
import { longTest } from '../support/long-test.js';
import { type Host, sandbox } from '../support/sandbox.js';
import { dir, file, link, readTree, type Snapshot, type Tree } from '../support/tree.js';

const OLD = 1_600_000_000_000_000_000n;

/** What the destination held before it was given to lm, and what the source has instead. */
const THEIRS: Tree = {
  same: file({ content: 'same', mtimeNs: OLD }),
  changed: file({ content: 'old content', mode: 0o640, mtimeNs: OLD }),
  foreign: file({ content: 'foreign', mtimeNs: OLD }),
  'dir-to-file': dir({ x: file({ content: 'x', mtimeNs: OLD }) }, { mode: 0o750, mtimeNs: OLD }),
  'file-to-dir': file({ content: 'f', mtimeNs: OLD }),
  link: link('nowhere', { mtimeNs: OLD }),
  'old-link': link('old', { mtimeNs: OLD }),
  deep: dir({ er: dir({ empty: dir({}, { mode: 0o500, mtimeNs: OLD }) }, { mtimeNs: OLD }) }, { mtimeNs: OLD }),
};
const OURS: Tree = {
  same: file({ content: 'same', mtimeNs: OLD }),
  changed: file({ content: 'new', mode: 0o640 }),
  'dir-to-file': 'now a file',
  'file-to-dir': dir({ y: 'y' }),
  link: link('somewhere'),
  big: file({ size: 12 * 1024 * 1024 }),
};

async function pair(ours: Tree = OURS, theirs: Tree = THEIRS) {
  const box = sandbox();
  const from = box.source.write('data', ours);
  const to = box.destination.write('data', theirs);
  const before = await readTree(to, { directoryTimes: true });
  const agent = await box.source.serve([from]);
  const copy = (args: string[] = []) =>
    box.destination.lm(['copy', agent.url, to, '--adopt', '--max-delete', '100%', '--json', ...args]);
  return { ...box, from, to, agent, before, copy, backup: box.destination.path('backup') };
}

const only = (tree: Snapshot, ...keys: string[]): Snapshot => Object.fromEntries(keys.map((key) => [key, tree[key]!]));

describe('what is removed and what is replaced', () => {
  test('is kept as it was, counted, and told where; what stays is not', async () => {
    const { copy, backup, from, to, before } = await pair();
    const result = await copy(['--backup-dir', backup]);
    expect(result.code).toBe(0);
    expect(await readTree(to)).toEqual(await readTree(from));
    const lines = jsonLines(result.stdout);
    const { run, report } = lines.at(-1)!;
    expect(readdirSync(backup)).toEqual([run]);
    const kept = await readTree(`${backup}/${run}/data/0`, { directoryTimes: true });
    const foreign = [
      'foreign',
      'dir-to-file',
      'dir-to-file/x',
      'file-to-dir',
      'old-link',
      'deep',
      'deep/er',
      'deep/er/empty',
    ];
    expect(kept).toEqual(only(before, 'changed', 'link', ...foreign));
    expect(report.backup).toEqual({
      dir: `${backup}/${run}`,
      entries: 10,
      bytes: 'old contentforeignxfnowhereold'.length,
    });
    expect(lstatSync(`${backup}/${run}`).mode & 0o777).toBe(0o700);
    expect(lines).toContainEqual(expect.objectContaining({ type: 'settings', text: expect.stringContaining(backup) }));
  });

  test('the summary says so', async () => {
    const { destination, agent, to, backup } = await pair();
    const args = ['copy', agent.url, to, '--adopt', '--max-delete', '100%', '--backup-dir', backup];
    expect((await destination.lm(args)).stdout).toMatch(/^ {2}kept +10 entries, 30 B in .*\/backup\/[0-9a-f-]{36}$/m);
  });

  test('a big file that is replaced is kept too, and room is asked for both', async () => {
    const old = file({ size: 10 * 1024 * 1024, seed: 7, mtimeNs: OLD });
    const { copy, backup, before } = await pair(OURS, { big: old });
    const { code, stdout } = await copy(['--backup-dir', backup]);
    expect(code).toBe(0);
    const { run } = jsonLines(stdout).at(-1)!;
    expect(await readTree(`${backup}/${run}/data/0`)).toEqual({ big: { ...before['big'] } });
  });

  longTest('each pass has a directory of its own, so that none overwrites what another kept', async () => {
    const { copy, backup, from } = await pair(
      { a: 'first', gone: 'g' },
      { a: file({ content: 'theirs', mtimeNs: OLD }) },
    );
    // Before the second pass, and once: what is removed in it makes lm ask again.
    const script = `[ $LM_ITERATION != 1 ] || [ ! -e '${from}/gone' ] || { echo second > '${from}/a'; rm '${from}/gone'; }`;
    const { code, stdout } = await copy(['--backup-dir', backup, '--pre-check', script]);
    expect(code).toBe(0);
    const { run } = jsonLines(stdout).at(-1)!;
    expect(readdirSync(backup).sort()).toEqual([run, `${run}.1`]);
    const kept = (pass: string, name: string) => readFileSync(`${backup}/${run}${pass}/data/0/${name}`, 'utf8');
    expect([kept('', 'a'), kept('.1', 'a'), kept('.1', 'gone')]).toEqual(['theirs', 'first', 'g']);
  });

  test('nothing is, when nothing goes; and it may be set in lm.yaml', async () => {
    const { destination, copy, backup } = await pair(OURS, {});
    destination.write('', { 'lm.yaml': `backup_dir: ${backup}\n` });
    const { code, stdout } = await copy();
    expect(code).toBe(0);
    expect(jsonLines(stdout).at(-1)!['report'].backup).toMatchObject({ entries: 0, bytes: 0 });
    expect(readdirSync(backup)).toEqual([]);
  });

  longTest('a dry run says what the real one does, and makes nothing', async () => {
    const { copy, backup, to } = await pair();
    const before = await readTree(to, { directoryTimes: true });
    const items = async (args: string[]) =>
      jsonLines((await copy(['--backup-dir', backup, '--verbose', ...args])).stdout)
        .filter(({ type }) => type === 'item')
        .map(({ action, reason, key }) => `${action} ${reason} ${key}`)
        .sort();
    const dry = await items(['--dry-run']);
    expect(existsSync(backup)).toBe(false);
    expect(await readTree(to, { directoryTimes: true })).toEqual(before);
    expect(dry).toEqual(await items([]));
    expect(dry).toContain('remove foreign data/0/foreign');
  });
});

(LONG ? test : test.skip)(
  'a copy that is killed while it removes, again and again, loses nothing of what was there',
  async () => {
    const theirs = Object.fromEntries(
      Array.from({ length: 12 }, (_, i) => [
        `d${i}`,
        dir(Object.fromEntries(Array.from({ length: 500 }, (_, j) => [`f${j}`, `${i}/${j}`]))),
      ]),
    );
    const { destination, copy, agent, to, backup } = await pair({ a: 'a' }, theirs);
    const entries = () => (existsSync(backup) ? readdirSync(backup, { recursive: true }).length : 0);
    const args = ['copy', agent.url, to, '--adopt', '--max-delete', '100%', '--backup-dir', backup];
    for (let kill = 1; kill <= 3; kill++) {
      const before = entries();
      const running = destination.start(args);
      let hasEnded = false;
      void running.done.finally(() => {
        hasEnded = true;
      });
      await until(() => hasEnded || entries() > before + 100); // all may be gone before a slow host lets us kill it
      running.kill('SIGKILL');
      await running.done;
      expect(await found(to, backup)).toBe(12 * 500);
    }
    expect(await copy(['--backup-dir', backup])).toMatchObject({ code: 0 });
    expect(readdirSync(to)).toEqual(['a']);
    expect(await found(to, backup)).toBe(12 * 500);
  },
);

/** How many of the files `dI/fJ` are in the destination or in a backup, with their content. */
async function found(to: string, backup: string): Promise<number> {
  const whole = new Set<string>();
  for (const place of [to, ...readdirSync(backup).map((run) => `${backup}/${run}/data/0`)])
    for (const path of readdirSync(place, { recursive: true, encoding: 'utf8' })) {
      const match = /^d(\d+)\/f(\d+)$/.exec(path);
      if (match && readFileSync(`${place}/${path}`, 'utf8') === `${match[1]}/${match[2]}`) whole.add(path);
    }
  return whole.size;
}

describe('a directory that could not take it is refused in one line, before anything goes', () => {
  type Places = { to: string; from: string; destination: Host };

  test.each<[string, RegExp, (places: Places) => string]>([
    ['a root', /is the backup directory/, ({ to }) => to],
    ['in a root', /holds the backup directory/, ({ to }) => `${to}/backup`],
    ['around a root', /is inside the backup directory/, ({ destination }) => destination.dir],
    ['the source', /backup directory .* is the source root/, ({ from }) => from],
    ['in the source', /backup directory .* is inside the source root/, ({ from }) => `${from}/backup`],
    ['among the records', /is inside the state directory/, ({ destination }) => `${destination.stateDir}/backup`],
    ['without a parent', /does not exist/, ({ destination }) => destination.path('no', 'backup')],
    ['a file', /is not a directory/, ({ to }) => `${to}/foreign`],
    ['on another file system', /is on another file system than data\/0/, () => '/dev/shm/lm-backup-that-is-never-made'],
  ])('%s', async (_, message, where) => {
    const { copy, destination, to, from } = await pair();
    mkdirSync(destination.stateDir);
    const path = where({ to, from, destination });
    const before = [await readTree(to), await readTree(from)];
    const { code, stderr } = await copy(['--backup-dir', path]);
    expect(code).toBe(6);
    expect(stderr.match(/^lm copy: .*/gm)).toEqual([expect.stringMatching(message)]);
    expect([await readTree(to), await readTree(from)]).toEqual(before);
  });

  const canMount = process.getuid?.() === 0 && spawnSync('unshare', ['-m', 'true']).status === 0;
  const mounted = canMount ? test : test.skip;
  const under = (script: string) => [
    'unshare',
    '-m',
    '--propagation',
    'private',
    'sh',
    '-ec',
    `${script}; exec "$@"`,
    'sh',
  ];

  mounted('when a file system is mounted in a root (takes the right to mount)', async () => {
    const { destination, agent, to, backup } = await pair();
    const { code, stderr } = await destination.lm(['copy', agent.url, to, '--adopt', '--backup-dir', backup], {
      under: under(`mount -t tmpfs none '${to}/deep'`),
    });
    expect(code).toBe(6);
    expect(stderr).toMatch(
      /^lm copy: \/.*\/deep, in data\/0, is a file system of its own: nothing can be moved from there/m,
    );
    expect(stderr).toContain('\nerror backup-dir (6): ');
  });

  mounted('when only the trial shows that it is another mount (takes the right to mount)', async () => {
    const { destination, agent, to, backup, before } = await pair();
    const { code, stderr } = await destination.lm(
      ['copy', agent.url, to, '--adopt', '--max-delete', '100%', '--backup-dir', backup],
      {
        under: under(`mount --bind '${to}' '${to}'`),
      },
    );
    expect(code).toBe(6);
    expect(stderr).toMatch(/^lm copy: data\/0 \(.*\) is on another mount: nothing can be moved from there/m);
    expect(Object.keys(await readTree(to))).toEqual(Object.keys(before));
    expect(readdirSync(backup)).toEqual([]);
  });
});

const asRoot = process.getuid?.() === 0 ? test : test.skip;

asRoot('an unprivileged copy may keep what it may not link to', async () => {
  const { source, destination, dir: base } = sandbox();
  const from = source.write('data', { a: 'new' });
  const agent = await source.serve([from]);
  const to = destination.write('data', {
    a: file({ content: 'of root', mode: 0o600, mtimeNs: OLD }),
    b: 'of root too',
  });
  execFileSync('sh', [
    '-ec',
    'chmod a+rx "$0"; chmod a+rwx "$2" "$3"; mkdir "$1/state"; chown 65534 "$1" "$1/state"',
    base,
    destination.dir,
    to,
    from,
  ]);
  const backup = destination.path('backup');
  const args = ['copy', agent.url, to, '--adopt', '--max-delete', '100%', '--backup-dir', backup, '--json'];
  const result = await destination.lm(args, { under: ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] });
  expect(result).toMatchObject({ code: 0 });
  const { run } = jsonLines(result.stdout).at(-1)!;
  const kept = (name: string) => readFileSync(`${backup}/${run}/data/0/${name}`, 'utf8');
  expect([kept('a'), kept('b')]).toEqual(['of root', 'of root too']);
});
