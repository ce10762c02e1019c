// Options that depend on each other: roots, roles, remembered settings, required options.
import { describe, expect, test } from '@jest/globals';
import type { CommandName } from '../../src/settings/options.js';
import { plaintextServeWarnings, plaintextSourceWarnings } from '../../src/settings/plaintext.js';
import { type Remembered, toRemember } from '../../src/settings/remembered.js';
import { resolve } from '../../src/settings/resolve.js';
import { type Given, makeDirectory, refusalOf, state } from '../support/settings.js';

const settingsOf = async <C extends CommandName>(command: C, given: Given = {}, remembered: Remembered = {}) =>
  resolve(command, await state({ command, ...given }), remembered);

const refused = (command: CommandName, given: Given = {}, remembered?: Remembered) =>
  refusalOf(() => settingsOf(command, given, remembered));

const URL_AND_DIR: Given = { flags: { url: 'http://source:9043' }, dir: '/srv/data' };

describe('limits of what is read', () => {
  const MIB = 1 << 20;

  test.each(['serve', 'verify'] as const)('%s has none unless told, from any layer', async (command) => {
    const given = command === 'serve' ? { dir: '/srv/data' } : URL_AND_DIR;
    expect(await settingsOf(command, given)).toMatchObject({
      limitRate: undefined,
      yieldToIo: false,
      yieldFloor: 8 * MIB,
    });
    const file = 'limit_rate: 100MiB/s\nyield_to_io: true\n';
    const env = { LM_YIELD_FLOOR: '4MiB/s' };
    expect(await settingsOf(command, { ...given, file, env })).toMatchObject({
      limitRate: { text: '100MiB/s', steps: [{ fromMinute: 0, bytesPerSecond: 100 * MIB }], zone: undefined },
      yieldToIo: true,
      yieldFloor: 4 * MIB,
    });
  });

  test('a floor needs what it is the floor of', async () => {
    const flags = { ...URL_AND_DIR.flags, 'yield-floor': '4MiB/s' };
    expect(await refused('verify', { ...URL_AND_DIR, flags })).toMatchObject({
      code: 'usage',
      message: '--yield-floor: needs --yield-to-io beside it',
    });
    expect(await refused('serve', { dir: '/d', file: 'yield_to_io: no\nyield_floor: 4MiB/s\n' })).toMatchObject({
      message: expect.stringMatching(/^yield_floor .*: needs --yield-to-io beside it$/),
    });
  });

  test('a floor above the limit is refused, and a limit below the usual floor is one itself', async () => {
    const flags = { ...URL_AND_DIR.flags, 'yield-to-io': true, 'limit-rate': '2MiB/s' } as const;
    expect(await refused('verify', { ...URL_AND_DIR, flags: { ...flags, 'yield-floor': '4MiB/s' } })).toMatchObject({
      code: 'usage',
      message: '--yield-floor: 4MiB/s is above --limit-rate, 2MiB/s',
    });
    expect(await settingsOf('verify', { ...URL_AND_DIR, flags })).toMatchObject({ yieldFloor: 2 * MIB });
  });

  test('of a timetable the lowest rate is what a floor is above', async () => {
    const timetable = '08:00-18:00=2MiB/s, else 400MiB/s, zone UTC';
    const flags = { ...URL_AND_DIR.flags, 'yield-to-io': true, 'limit-rate': timetable } as const;
    expect(await refused('verify', { ...URL_AND_DIR, flags: { ...flags, 'yield-floor': '4MiB/s' } })).toMatchObject({
      code: 'usage',
      message: '--yield-floor: 4MiB/s is above --limit-rate, which comes down to 2.0 MiB/s',
    });
    expect(await settingsOf('verify', { ...URL_AND_DIR, flags })).toMatchObject({ yieldFloor: 8 * MIB });
  });
});

describe('copy', () => {
  test('the shortest command, and its defaults', async () => {
    const settings = await settingsOf('copy', URL_AND_DIR);
    expect(settings).toMatchObject({
      roots: [{ type: 'data', index: 0, path: '/srv/data' }],
      threshold: 1,
      maxIterations: 3,
      concurrency: 10,
      diff: 'mtime',
      maxDelete: { kind: 'share', share: 0.5 },
      limitRate: undefined,
      guardPorts: [],
      adopt: false,
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a placeholder of the Sidecar's
      exclusions: { filesToExclude: [], dirsToExclude: ['glob:${DATA_FILE_DIR}/*/*/snapshots'] },
      role: undefined,
      notes: [],
    });
    expect(settings.url.href).toBe('http://source:9043/');
    expect(settings.origins.url).toEqual({ source: 'flag', where: 'URL' });
    expect(settings.origins.threshold).toEqual({ source: 'default', where: 'default' });
  });

  test('usualMaxDelete is the limit without the flag', async () => {
    const file = 'max_delete: 10\n';
    const flags = { ...URL_AND_DIR.flags, 'max-delete': '30' };
    expect(await settingsOf('copy', { ...URL_AND_DIR, flags, file })).toMatchObject({
      maxDelete: { kind: 'count', entries: 30 },
      usualMaxDelete: { kind: 'count', entries: 10 },
    });
  });

  test('without a source, or a directory, the hint says what to type', async () => {
    expect(await refused('copy', { dir: '/d' })).toEqual({
      code: 'usage',
      message: 'no source URL is given',
      hint: 'lm copy http://SOURCE:9043 /srv/data; the first copy remembers both',
    });
    expect(await refused('copy', { flags: { url: 'http://s:1' } })).toMatchObject({
      code: 'usage',
      message: 'no directory is given',
    });
  });

  test('certificate and key need each other; without https there is a warning', async () => {
    const { dir } = URL_AND_DIR;
    const url = 'https://source:9043';
    expect(await refused('copy', { dir, flags: { url, 'client-cert': 'c' } })).toMatchObject({
      message: '--client-cert: needs --client-key beside it',
    });
    expect(await refused('copy', { dir, flags: { url, 'client-key': 'k' } })).toMatchObject({
      message: '--client-key: needs --client-cert beside it',
    });
    expect((await settingsOf('copy', { dir, flags: { url, 'ca-cert': 'c' } })).notes).toEqual([]);
    const plain = await settingsOf('copy', { dir, flags: { url: 'http://source:9043', 'ca-cert': 'c' } });
    expect(plain.notes).toEqual([expect.stringContaining('http://source:9043 is not encrypted')]);
  });
});

describe('remembered settings', () => {
  const first: Given = {
    flags: {
      url: 'https://source:9043',
      root: ['data=/a', 'commitlog=/log', 'data=/b'],
      concurrency: '4',
      'token-file': '/t',
      'ca-cert': '/ca',
      threshold: '0.9',
      'max-delete': '10',
      only: 'data/0',
      'dry-run': true,
      adopt: true,
      'new-source': true,
      'allow-running': true,
      'pre-check': 'pgrep java && exit 1',
      'guard-port': ['9042', '127.0.0.2:7000'],
      'jmx-port': '7299',
      'retry-for': '90s',
    },
    file: 'live_migration: {files_to_exclude: ["regex:.*x"], dirs_to_exclude: []}',
  };

  test('a later copy without flags has the same source and guards, but no threshold, limit or consent', async () => {
    const given = await settingsOf('copy', first);
    const memory = JSON.parse(JSON.stringify(toRemember(given))) as Remembered;
    expect(Object.keys(memory).sort()).toEqual([
      'ca-cert',
      'concurrency',
      'dirs-to-exclude',
      'files-to-exclude',
      'guard-port',
      'jmx-port',
      'pre-check',
      'retry-for',
      'root',
      'token-file',
      'url',
    ]);
    const next = await settingsOf('copy', {}, memory);
    for (const key of [
      'url',
      'roots',
      'exclusions',
      'concurrency',
      'retryForMs',
      'tokenFile',
      'tls',
      'preCheck',
      'guardPorts',
      'jmxPort',
    ] as const)
      expect(next[key]).toEqual(given[key]);
    expect(next).toMatchObject({
      threshold: 1,
      maxDelete: { share: 0.5 },
      only: undefined,
      dryRun: false,
      adopt: false,
      newSource: false,
      allowRunning: false,
    });
    expect(next.origins.concurrency).toEqual({ source: 'remembered', where: 'the first copy' });
    expect(toRemember(next)).toEqual(memory);
  });

  test('a source directory is remembered by its path', async () => {
    const settings = await settingsOf('copy', { flags: { url: '/mnt/the old/' }, dir: '/srv/data' });
    expect(settings.url.href).toBe('file:///mnt/the%20old');
    expect(toRemember(settings)['url']).toBe('/mnt/the old');
    expect((await settingsOf('verify', {}, toRemember(settings))).url.href).toBe(settings.url.href);
  });

  test('a flag beats a remembered setting; a remembered consent is ignored', async () => {
    const memory = { ...toRemember(await settingsOf('copy', first)), adopt: 'true', 'from-a-later-release': 'x' };
    const next = await settingsOf('copy', { dir: '/c' }, memory);
    expect(next).toMatchObject({ adopt: false, roots: [{ path: '/c' }] });
  });

  test('verify and status use them too', async () => {
    const memory = toRemember(await settingsOf('copy', first));
    expect((await settingsOf('verify', {}, memory)).url.host).toBe('source:9043');
    expect((await settingsOf('status', {}, memory)).tokenFile).toBe('/t');
    expect((await settingsOf('status')).url).toBeUndefined();
  });
});

describe('roots', () => {
  const CASSANDRA = `data_file_directories: [/c/data1, /c/data2]
hints_directory: /c/hints
commitlog_directory: /c/log
saved_caches_directory: /c/caches
cdc_raw_directory: /c/cdc
local_system_data_file_directory: /c/system
native_transport_port: 9142
cluster_name: whatever
`;

  test('data is numbered in order, whatever is between', async () => {
    const { roots } = await settingsOf('serve', { flags: { root: ['data=/a', 'hints=/h', 'data=/b'] } });
    expect(roots.map(({ type, index, path }) => `${type}/${index}=${path}`)).toEqual([
      'data/0=/a',
      'hints/0=/h',
      'data/1=/b',
    ]);
  });

  test('--as names the live directory of each root of its type, and of no other', async () => {
    const root = ['data=/a', 'hints=/h', 'data=/b'];
    const { liveRoots } = await settingsOf('serve', { flags: { root, as: ['data=/live/a', 'data=/live/b'] } });
    expect(liveRoots).toEqual([
      { type: 'data', index: 0, path: '/live/a' },
      { type: 'data', index: 1, path: '/live/b' },
    ]);
    expect((await settingsOf('serve', { flags: { root } })).liveRoots).toEqual([]);
    const code = 'usage';
    for (const [flags, message] of [
      [{ root, as: ['data=/live'] }, '--as: got 1 of type data, takes one for each root of it, of which there are 2'],
      [
        { root, as: ['commitlog=/l'] },
        '--as: got 1 of type commitlog, takes one for each root of it, of which there are 0',
      ],
      [{ root, as: ['hints=/l'], role: 'destination' }, '--as: only a source serves snapshots'],
    ] as const)
      expect(await refused('serve', { flags })).toMatchObject({ code, message });
  });

  test('the file takes one directory or a list', async () => {
    const { roots } = await settingsOf('serve', { file: 'roots:\n  data: [/a, /b]\n  commitlog: /l\n' });
    expect(roots.map(({ type, index }) => `${type}/${index}`)).toEqual(['data/0', 'data/1', 'commitlog/0']);
  });

  test('cassandra.yaml: directories, and the port to guard', async () => {
    const cwd = makeDirectory({ 'cassandra.yaml': CASSANDRA });
    const settings = await settingsOf('serve', { cwd, flags: { 'cassandra-yaml': 'cassandra.yaml' } });
    expect(settings.roots.map(({ type, index, path }) => `${type}/${index}=${path}`)).toEqual([
      'hints/0=/c/hints',
      'commitlog/0=/c/log',
      'saved_caches/0=/c/caches',
      'cdc_raw/0=/c/cdc',
      'local_system_data/0=/c/system',
      'data/0=/c/data1',
      'data/1=/c/data2',
    ]);
    expect(settings.cassandra).toMatchObject({ file: `${cwd}/cassandra.yaml`, ports: [{ port: 9142 }, {}, {}] });
    expect(settings.notes).toEqual([]);
  });

  test('directories from cassandra.yaml are remembered as directories, and the file for its ports', async () => {
    const cwd = makeDirectory({ 'cassandra.yaml': CASSANDRA });
    const given = await settingsOf('copy', { cwd, flags: { url: 'http://s:1', 'cassandra-yaml': 'cassandra.yaml' } });
    const next = await settingsOf('copy', {}, toRemember(given));
    expect(next.roots).toEqual(given.roots);
    expect(next.cassandra).toEqual(given.cassandra);
  });

  test('--without is remembered, until a stronger layer names the root', async () => {
    const given = await settingsOf('copy', {
      dir: '/d',
      flags: { url: 'http://s:1', without: ['hints', 'commitlog'] },
    });
    expect(given.without).toEqual(['hints', 'commitlog']);
    const memory = JSON.parse(JSON.stringify(toRemember(given))) as Remembered;
    for (const command of ['copy', 'verify', 'complete'] as const)
      expect((await settingsOf(command, {}, memory)).without).toEqual(['hints', 'commitlog']);
    const next = await settingsOf('copy', { flags: { root: ['data=/d', 'hints=/h'] } }, memory);
    expect(next.without).toEqual(['commitlog']);
  });

  test('a flag replaces what the file names, never adds to it', async () => {
    const { roots, cassandra } = await settingsOf('serve', { dir: '/a', file: 'cassandra_yaml: /nowhere.yaml' });
    expect(roots).toEqual([{ type: 'data', index: 0, path: '/a' }]);
    expect(cassandra).toBeUndefined();
  });

  test.each<[string, Given, string]>([
    [
      'two flags',
      { flags: { root: ['data=/a'], 'cassandra-yaml': '/c' } },
      '--root and --cassandra-yaml were both given',
    ],
    ['DIR and a flag', { dir: '/a', flags: { 'cassandra-yaml': '/c' } }, 'DIR and --cassandra-yaml were both given'],
    [
      'twice the same type',
      { flags: { root: ['hints=/a', 'hints=/b'] } },
      '--root: got hints twice, takes one; only data may repeat',
    ],
    [
      'a root that is left out',
      { flags: { root: ['data=/a', 'hints=/h'], without: ['hints'] } },
      '--root names hints, and --without leaves it out',
    ],
    [
      'to leave out the data',
      { dir: '/a', flags: { without: ['data'] } },
      "--without: got 'data', takes one of hints, commitlog, saved_caches, cdc_raw, local_system_data",
    ],
    ['no such cassandra.yaml', { flags: { 'cassandra-yaml': '/nowhere.yaml' } }, 'no file /nowhere.yaml'],
  ])('refused: %s', async (_, given, message) => {
    expect(await refused('serve', given)).toMatchObject({ code: 'usage', message });
  });

  test('an invalid cassandra.yaml, with its line', async () => {
    const message = async (text: string) => {
      const cwd = makeDirectory({ 'c.yaml': text });
      return (await refused('serve', { cwd, flags: { 'cassandra-yaml': 'c.yaml' } })).message;
    };
    expect(await message('\nhints_directory: hints\n')).toBe('hints_directory (DIR/c.yaml:2): takes an absolute path');
    expect(await message('data_file_directories: [/a, b]\n')).toBe(
      'data_file_directories.1 (DIR/c.yaml:1): takes an absolute path',
    );
    expect(await message('cluster_name: x\n')).toContain(
      'DIR/c.yaml has no hints_directory, commitlog_directory, saved_caches_directory and data_file_directories, and its default',
    );
  });
});

describe('the migration map', () => {
  const MAP = 'live_migration:\n  migration_map:\n    10.0.0.1: 10.0.0.2\n    Node3: node4\nroots: {data: /d}\n';
  const asHost = (...names: string[]): Given => ({ file: MAP, names });

  test('gives the role, the pair and the default URL', async () => {
    const copy = await settingsOf('copy', asHost('dest', '10.0.0.2'));
    expect(copy).toMatchObject({ role: 'destination', pair: { source: '10.0.0.1', destination: '10.0.0.2' } });
    expect(copy.url.href).toBe('http://10.0.0.1:9043/');
    expect(await settingsOf('serve', asHost('node3'))).toMatchObject({
      role: 'source',
      pair: { destination: 'node4' },
    });
  });

  test('says what an agent is for, and --role does where there is no map', async () => {
    expect(await settingsOf('serve', asHost('10.0.0.1'))).toMatchObject({ serves: 'source' });
    expect(await settingsOf('serve', asHost('10.0.0.2'))).toMatchObject({ serves: 'destination' });
    expect(await settingsOf('serve', { dir: '/d' })).toMatchObject({ serves: 'source' });
    const flags = { role: 'destination' };
    expect(await settingsOf('serve', { dir: '/d', flags })).toMatchObject({ serves: 'destination' });
    expect(await refused('serve', { ...asHost('10.0.0.1'), flags })).toMatchObject({
      code: 'refused',
      message: '--role says destination; this host is the source of 10.0.0.2',
    });
  });

  test('--host gives the name of this host', async () => {
    expect(await settingsOf('serve', { ...asHost('10.0.0.2'), flags: { host: '10.0.0.1' } })).toMatchObject({
      role: 'source',
    });
  });

  test('an IPv6 address is the same however it is written', async () => {
    const file = 'live_migration: {migration_map: {"2001:db8:0:0::1": b}}\nroots: {data: /d}';
    expect(await settingsOf('serve', { file, names: ['2001:DB8::1'] })).toMatchObject({ role: 'source' });
    expect((await settingsOf('copy', { file, names: ['b'] })).url.href).toBe('http://[2001:db8::1]:9043/');
  });

  test('a stated or remembered URL beats its URL', async () => {
    const { url } = await settingsOf('copy', asHost('10.0.0.2'), { url: 'http://other:1' });
    expect(url.host).toBe('other:1');
  });

  test.each<[CommandName, string, string]>([
    ['copy', '10.0.0.1', 'copy is for the destination; this host is the source of 10.0.0.2'],
    ['verify', '10.0.0.1', 'verify is for the destination; this host is the source of 10.0.0.2'],
    ['copy', 'stranger', 'this host is not in live_migration.migration_map (DIR/lm.yaml:2)'],
    ['complete', 'stranger', 'this host is not in live_migration.migration_map (DIR/lm.yaml:2)'],
  ])('%s on %s is refused', async (command, name, message) => {
    expect(await refused(command, asHost(name))).toMatchObject({ code: 'refused', message });
  });

  test('status and reset run anywhere', async () => {
    for (const command of ['status', 'reset'] as const)
      expect(await settingsOf(command, asHost('stranger'))).toMatchObject({ role: undefined, pair: undefined });
  });

  test.each([
    ['a: c\n    b: c', 'c is the destination of two sources, takes one destination for each source'],
    ['a: b\n    b: c', 'b is both a source and a destination, takes one destination for each source'],
    ['a: A', 'A is both a source and a destination, takes one destination for each source'],
  ])('a map that the Sidecar would reject is refused: %j', async (map, what) => {
    const { message } = await refused('status', { file: `live_migration:\n  migration_map:\n    ${map}\n` });
    expect(message).toBe(`live_migration.migration_map (DIR/lm.yaml:2): ${what}`);
  });

  test('a host that is in it twice needs --host', async () => {
    expect(await refused('status', asHost('10.0.0.1', 'node3'))).toMatchObject({
      message: 'live_migration.migration_map (DIR/lm.yaml:2): this host is 10.0.0.1 and Node3',
      hint: 'say which one is meant with --host',
    });
  });
});

describe.each(['copy', 'verify', 'complete'] as const)('%s', (command) => {
  const to = (url: string, more: Given['flags'] = {}): Given => ({
    ...(command !== 'complete' && { dir: '/d' }),
    flags: { url, ...more },
  });

  test.each(['http://source:9043', 'http://10.0.0.1:9043', 'http://[fd00::1]:9043', 'http://127.0.0.1.example'])(
    'says that %s goes in clear, once',
    async (url) => {
      expect(await plaintextSourceWarnings(await settingsOf(command, to(url)))).toEqual([
        expect.stringContaining(`${url} is not encrypted`),
      ]);
      expect(await plaintextSourceWarnings(await settingsOf(command, to(url, { 'ca-cert': '/c' })))).toEqual([]);
    },
  );

  test.each([
    'https://source',
    'http://127.0.0.1:1',
    'http://localhost:1',
    'http://[::1]:1',
    'http://[::ffff:127.0.0.1]:1',
  ])('does not warn of %s', async (url) =>
    expect(await plaintextSourceWarnings(await settingsOf(command, to(url)))).toEqual([]),
  );

  test('accepts a pin only with https', async () => {
    const pin = 'ab'.repeat(32);
    expect((await settingsOf(command, to('https://source', { pin }))).tls.pin).toBe(Array(32).fill('AB').join(':'));
    expect(await refused(command, to('http://source', { pin }))).toMatchObject({
      message: '--pin: http://source shows no certificate',
      hint: expect.stringContaining('https://source'),
    });
  });
});

describe('serve beyond loopback', () => {
  const serve = (flags: Given['flags']) => ({ dir: '/d', ...(flags ? { flags } : {}) });
  const TLS = { 'tls-cert': '/c', 'tls-key': '/k' };

  test.each(['127.0.0.1:1', '127.9.9.9:1', '[::1]:1', 'localhost:1', '9043'])('%s needs no guard', async (listen) => {
    await expect(settingsOf('serve', serve({ listen }))).resolves.toBeDefined();
  });

  test.each(['0.0.0.0:1', ':1', '[::]:1', '10.0.0.1:1', 'node1:1', '127.0.0.1.example:1'])(
    '%s does',
    async (listen) => {
      expect((await refused('serve', serve({ listen }))).message).toContain(
        `--listen: got '${listen}', takes a loopback address`,
      );
      for (const guard of [{ 'token-file': '/t' }, { ...TLS, 'client-ca': '/ca' }, { insecure: true as const }])
        await expect(settingsOf('serve', serve({ listen, ...guard }))).resolves.toBeDefined();
      expect((await refused('serve', serve({ listen, ...TLS }))).code).toBe('usage');
    },
  );

  test('--tls-auto needs no certificate and refuses one; only beyond loopback there is a warning without TLS', async () => {
    const auto = serve({ listen: ':1', 'tls-auto': true, 'client-ca': '/ca' });
    expect(plaintextServeWarnings(await settingsOf('serve', auto))).toEqual([]);
    expect((await refused('serve', serve({ ...TLS, 'tls-auto': true }))).message).toBe(
      '--tls-auto and --tls-cert exclude each other',
    );
    expect((await refused('serve', serve({ listen: ':1', 'tls-auto': true }))).code).toBe('usage');
    for (const listen of [':1', '10.0.0.1:1', 'node1:1']) {
      const clear = plaintextServeWarnings(await settingsOf('serve', serve({ listen, insecure: true })));
      expect(clear).toEqual([expect.stringMatching(/^what is served is not encrypted: .*--tls-auto/)]);
      expect(plaintextServeWarnings(await settingsOf('serve', serve({ listen, insecure: true, ...TLS })))).toEqual([]);
    }
    expect(plaintextServeWarnings(await settingsOf('serve', serve({ listen: '127.0.0.1:1' })))).toEqual([]);
  });

  test('certificate, key and client CA need each other', async () => {
    expect((await refused('serve', serve({ 'tls-cert': '/c' }))).message).toBe('--tls-cert: needs --tls-key beside it');
    expect((await refused('serve', serve({ 'client-ca': '/c' }))).message).toBe(
      '--client-ca: needs --tls-cert beside it',
    );
    const name = { ...TLS, 'client-name': ['node2'] };
    expect((await refused('serve', serve(name))).message).toBe('--client-name: needs --client-ca beside it');
    const named = await settingsOf('serve', serve({ ...name, 'client-ca': '/c' }));
    expect(named.clientNames).toEqual(['node2']);
  });
});

test.each(['files_to_exclude', 'dirs_to_exclude'])(
  'a pattern of %s that means nothing is refused where it stands',
  async (key) => {
    const file = `live_migration:\n  ${key}:\n    - glob:/ok\n    - "glob:{a"\n`;
    const { code, message } = await refused('status', { file });
    expect(code).toBe('usage');
    expect(message).toMatch(new RegExp(`^${key}: glob:\\{a: .* \\(DIR/lm\\.yaml:2\\)$`));
  },
);

test('too many patterns, and one of a megabyte, are refused with their location, in a short line', async () => {
  const many = `live_migration:\n  files_to_exclude: [${new Array(1_001).fill('glob:/x').join()}]\n`;
  expect((await refused('status', { file: many })).message).toBe(
    'files_to_exclude: got 1001 patterns, takes 1000 at most (DIR/lm.yaml:2)',
  );
  for (const pattern of ['glob:', 'nothing:']) {
    const file = `live_migration:\n  dirs_to_exclude: ${pattern}${'x'.repeat(1 << 20)}\n`;
    expect((await refused('status', { file })).message).toMatch(/^(live_migration\.)?dirs_to_exclude.{200,400}$/);
  }
});

test('--quiet and --verbose exclude each other', async () => {
  expect((await refused('status', { flags: { quiet: true, verbose: true } })).message).toBe(
    '--quiet and --verbose exclude each other',
  );
});
