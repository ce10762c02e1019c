// The roots and their origins, from cassandra.yaml as shipped and with mistakes.

import { writeFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { LmError } from '../../../src/errors.js';
import { readCassandraYaml } from '../../../src/settings/cassandra/cassandra-yaml.js';
import type { CommandLine, Host } from '../../../src/settings/cassandra/storage-dir.js';
import { statedRoots } from '../../../src/settings/roots.js';
import { showSettings } from '../../../src/settings/shown.js';
import { makeDirectory, state } from '../../support/settings.js';

/** A host on which `file` belongs to a package, to a tarball in /opt/c, or to neither. */
function hostWith(place: 'package' | 'tarball' | 'nowhere', processes: CommandLine[] = []): Host {
  const shown = {
    package: '/etc/cassandra/cassandra.yaml',
    tarball: '/opt/c/conf/cassandra.yaml',
    nowhere: '/srv/c.yaml',
  };
  return {
    processes: () => processes,
    trusted: () => [0],
    toLocalPath: (_, path) => path,
    realPath: (path) => (path.endsWith('/c.yaml') ? shown[place] : path),
    exists: () => false,
  };
}

async function read(text: string, host: Host, without: string[] = []) {
  const cwd = makeDirectory({ 'c.yaml': text });
  const stated = await state({ cwd, flags: { 'cassandra-yaml': 'c.yaml', ...(without.length > 0 && { without }) } });
  const { roots, rootOrigins } = statedRoots(stated.layers, host);
  return {
    roots: roots.map(({ type, index, path }) => `${type}/${index}=${path}`),
    rootOrigins: rootOrigins.map((where) => where.replace(cwd, 'DIR')),
  };
}

const below = (dir: string, ...types: string[]): string[] => types.map((type) => `${type}/0=${dir}/${type}`);
const FOUR = ['hints', 'commitlog', 'saved_caches', 'data'];

/** The relevant lines of the shipped files: 3.11 and 4.x comment the directories out, packages name most of them. */
const SHIPPED: Record<string, string> = {
  '3.11 tarball': `cluster_name: 'Test Cluster'
num_tokens: 256
# hints_directory: /var/lib/cassandra/hints
hints_flush_period_in_ms: 10000
# data_file_directories:
#     - /var/lib/cassandra/data
# commitlog_directory: /var/lib/cassandra/commitlog
cdc_enabled: false
# cdc_raw_directory: /var/lib/cassandra/cdc_raw
# saved_caches_directory: /var/lib/cassandra/saved_caches
commitlog_segment_size_in_mb: 32
start_rpc: false
native_transport_port: 9042
`,
  '4.0 tarball': `cluster_name: 'Test Cluster'
num_tokens: 16
# hints_directory: /var/lib/cassandra/hints
# data_file_directories:
#     - /var/lib/cassandra/data
# local_system_data_file_directory:
# commitlog_directory: /var/lib/cassandra/commitlog
cdc_enabled: false
# cdc_raw_directory: /var/lib/cassandra/cdc_raw
# saved_caches_directory: /var/lib/cassandra/saved_caches
audit_logging_options:
    enabled: false
    logger:
      - class_name: BinAuditLogger
`,
  '5.0 tarball': `cluster_name: 'Test Cluster'
# hints_directory: /var/lib/cassandra/hints
auto_hints_cleanup_enabled: false
# data_file_directories:
#     - /var/lib/cassandra/data
# local_system_data_file_directory:
# commitlog_directory: /var/lib/cassandra/commitlog
cdc_enabled: false
cdc_block_writes: true
# cdc_raw_directory: /var/lib/cassandra/cdc_raw
# saved_caches_directory: /var/lib/cassandra/saved_caches
memtable:
  configurations:
    skiplist:
      class_name: SkipListMemtable
`,
};

describe('as shipped', () => {
  test.each(Object.entries(SHIPPED))('%s', async (_, text) => {
    const { roots, rootOrigins } = await read(text, hostWith('tarball'));
    expect(roots).toEqual(below('/opt/c/data', ...FOUR));
    expect(rootOrigins).toEqual(FOUR.map(() => 'default of CASSANDRA_HOME /opt/c'));
    expect((await read(text, hostWith('package'))).roots).toEqual(below('/var/lib/cassandra', ...FOUR));
  });

  test('the file of a package that names all directories but one', async () => {
    const text = `data_file_directories:\n    - /var/lib/cassandra/data\ncommitlog_directory: /var/lib/cassandra/commitlog
saved_caches_directory: /var/lib/cassandra/saved_caches\n`;
    expect(await read(text, hostWith('package'))).toEqual({
      roots: below('/var/lib/cassandra', ...FOUR),
      rootOrigins: [
        'default of the package, whose file lies in /etc/cassandra',
        'DIR/c.yaml:3',
        'DIR/c.yaml:4',
        'DIR/c.yaml:2',
      ],
    });
  });

  test('directories in the file beat the storage directory of the process', async () => {
    const argv = ['-Dcassandra.config=file:///etc/cassandra/cassandra.yaml', '-Dcassandra.storagedir=/s'];
    const { roots, rootOrigins } = await read(
      'commitlog_directory: /log\n',
      hostWith('package', [{ pid: 7, argv, users: [0] }]),
    );
    expect(roots).toEqual(['hints/0=/s/hints', 'commitlog/0=/log', 'saved_caches/0=/s/saved_caches', 'data/0=/s/data']);
    expect(rootOrigins[0]).toBe('default by -Dcassandra.storagedir of pid 7');
  });
});

test.each<[string, string]>([
  ['', 'hints commitlog saved_caches data'],
  ['cdc_enabled: true', 'hints commitlog saved_caches cdc_raw data'],
  ['cdc_enabled: yes', 'hints commitlog saved_caches cdc_raw data'],
  ['cdc_enabled: On', 'hints commitlog saved_caches cdc_raw data'],
  ['cdc_enabled: no', 'hints commitlog saved_caches data'],
  ['cdc_enabled:', 'hints commitlog saved_caches data'],
  ['cdc_enabled: true\ncdc_raw_directory: ~', 'hints commitlog saved_caches cdc_raw data'],
  ['data_file_directories: []', 'hints commitlog saved_caches data'],
  ['data_file_directories:', 'hints commitlog saved_caches data'],
  ['commitlog_directory: null\nhints_directory:', 'hints commitlog saved_caches data'],
  ['local_system_data_file_directory:', 'hints commitlog saved_caches data'],
])('%j means the defaults of %s', async (text, types) => {
  expect((await read(`${text}\nx: 1\n`, hostWith('package'))).roots).toEqual(
    below('/var/lib/cassandra', ...types.split(' ')),
  );
});

test('a directory in the file is taken even where Cassandra does not use it', async () => {
  const text = 'cdc_raw_directory: /cdc\nlocal_system_data_file_directory: /sys\n';
  expect((await read(text, hostWith('package'))).roots).toEqual(
    expect.arrayContaining(['cdc_raw/0=/cdc', 'local_system_data/0=/sys']),
  );
});

test('--without leaves out types that the file names, and types that it does not', async () => {
  const text = 'cdc_enabled: true\nhints_directory: /h\ncommitlog_directory: /l\ndata_file_directories: [/d]\n';
  const { roots } = await read(text, hostWith('nowhere'), ['hints', 'saved_caches', 'cdc_raw']);
  expect(roots).toEqual(['commitlog/0=/l', 'data/0=/d']);
});

describe('refused, with a hint that says what to type', () => {
  const refused = async (text: string, host = hostWith('nowhere'), without: string[] = []) => {
    try {
      await read(text, host, without);
    } catch (error) {
      if (error instanceof LmError) return { code: error.code, said: `${error.message}\n${error.hint}` };
    }
    throw new Error('nothing was refused');
  };

  test.each<[string, string, RegExp]>([
    [
      'the default cannot be found out',
      'data_file_directories: [/d]\nhints_directory: /h\nsaved_caches_directory: /s\n',
      /has no commitlog_directory, and its default cannot be found out.*\n.*add `commitlog_directory: DIR` to .*\/c\.yaml/s,
    ],
    [
      'CDC',
      'cdc_enabled: true\ndata_file_directories: [/d]\nhints_directory: /h\nsaved_caches_directory: /s\ncommitlog_directory: /l\n',
      /add `cdc_raw_directory: DIR` to /,
    ],
    [
      'data',
      'hints_directory: /h\nsaved_caches_directory: /s\ncommitlog_directory: /l\n',
      /`data_file_directories: \[DIR\]`/,
    ],
    [
      'an item without a value',
      'x: 1\ndata_file_directories:\n  -\n',
      /data_file_directories\.0 \(.*c\.yaml:[23]\): takes an absolute path/,
    ],
    [
      'a relative path',
      'x: 1\ncommitlog_directory: log\n',
      /commitlog_directory \(.*c\.yaml:2\): takes an absolute path/,
    ],
    ['an empty path', 'commitlog_directory: ""\n', /commitlog_directory \(.*\): takes an absolute path/],
    [
      'one directory where a list is due',
      'data_file_directories: /d\n',
      /data_file_directories \(.*\): takes a list of absolute paths/,
    ],
    ['a directory that is a number', 'hints_directory: 5\n', /hints_directory \(.*\): takes an absolute path/],
    ['a port out of range', 'storage_port: 70000\n', /storage_port \(.*\): takes a port from 1 to 65535/],
    ['a port that is no number', 'storage_port: 7_000\n', /storage_port \(.*\): takes a port from 1 to 65535/],
    ['an address that is a list', 'rpc_address: [a]\n', /rpc_address \(.*\): takes an address/],
    ['an empty file', '', /cassandra\.yaml \(.*\): takes the keys of a cassandra\.yaml/],
    ['a switch that is none', 'cdc_enabled: maybe\n', /cdc_enabled \(.*c\.yaml:1\): takes true or false/],
  ])('%s', async (_, text, said) => {
    expect(await refused(text)).toEqual({ code: 'usage', said: expect.stringMatching(said) });
  });
});

test.each([
  ['max_hint_window: 3h\n', 10_800_000],
  ['max_hint_window: 90m\n', 5_400_000],
  ['max_hint_window_in_ms: 3600000 # 1 hour\n', 3_600_000],
  ['max_hint_window: soon\n', undefined],
  ['cluster_name: c\n', undefined],
])('for how long others keep hints: %j', (text, ms) => {
  const cwd = makeDirectory({ 'c.yaml': text });
  expect(readCassandraYaml(`${cwd}/c.yaml`).cassandra.maxHintWindowMs).toBe(ms);
});

test('lm config show prints the origin of each directory, and the types without one', async () => {
  const cwd = makeDirectory();
  writeFileSync(`${cwd}/c.yaml`, 'x: 1\ndata_file_directories: [/a, /b]\nhints_directory: /h\n');
  const stated = await state({ command: 'config show', cwd, flags: { 'cassandra-yaml': 'c.yaml' } });
  const [root] = showSettings(stated, {}).filter(({ name }) => name === 'root');
  expect(root).toEqual({
    name: 'root',
    value: ['hints=/h', 'data=/a', 'data=/b'],
    source: 'flag',
    where: '--cassandra-yaml',
    whence: [`${cwd}/c.yaml:3`, `${cwd}/c.yaml:2`, `${cwd}/c.yaml:2`],
    unknown: ['commitlog', 'saved_caches'],
  });
});
