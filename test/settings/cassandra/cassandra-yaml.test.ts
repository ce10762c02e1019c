// cassandra.yaml as it is shipped and as it is mistyped → the roots, and what says so.

import { writeFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { LmError } from '../../../src/errors.js';
import type { CommandLine, Host } from '../../../src/settings/cassandra/storage-dir.js';
import { statedRoots } from '../../../src/settings/roots.js';
import { showSettings } from '../../../src/settings/shown.js';
import { makeDirectory, state } from '../../support/settings.js';

/** A host on which `file` is that of a package, of a tarball in /opt/c, or of nobody known. */
function hostWith(place: 'package' | 'tarball' | 'nowhere', processes: CommandLine[] = []): Host {
  const shown = {
    package: '/etc/cassandra/cassandra.yaml',
    tarball: '/opt/c/conf/cassandra.yaml',
    nowhere: '/srv/c.yaml',
  };
  return {
    processes: () => processes,
    trusted: () => [0],
    asHere: (_, path) => path,
    real: (path) => (path.endsWith('/c.yaml') ? shown[place] : path),
    exists: () => false,
  };
}

async function read(text: string, host: Host, without: string[] = []) {
  const cwd = makeDirectory({ 'c.yaml': text });
  const stated = await state({ cwd, flags: { 'cassandra-yaml': 'c.yaml', ...(without.length > 0 && { without }) } });
  const { roots, whence } = statedRoots(stated.layers, host);
  return {
    roots: roots.map(({ type, index, path }) => `${type}/${index}=${path}`),
    whence: whence.map((where) => where.replace(cwd, 'DIR')),
  };
}

const below = (dir: string, ...types: string[]): string[] => types.map((type) => `${type}/0=${dir}/${type}`);
const FOUR = ['hints', 'commitlog', 'saved_caches', 'data'];

/** What matters of the files as they are shipped: 3.11 and 4.x comment the directories out, the packages name most of them. */
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
    const { roots, whence } = await read(text, hostWith('tarball'));
    expect(roots).toEqual(below('/opt/c/data', ...FOUR));
    expect(whence).toEqual(FOUR.map(() => 'default of CASSANDRA_HOME /opt/c'));
    expect((await read(text, hostWith('package'))).roots).toEqual(below('/var/lib/cassandra', ...FOUR));
  });

  test('a package that names all but one', async () => {
    const text = `data_file_directories:\n    - /var/lib/cassandra/data\ncommitlog_directory: /var/lib/cassandra/commitlog
saved_caches_directory: /var/lib/cassandra/saved_caches\n`;
    expect(await read(text, hostWith('package'))).toEqual({
      roots: below('/var/lib/cassandra', ...FOUR),
      whence: [
        'default of the package, whose file lies in /etc/cassandra',
        'DIR/c.yaml:3',
        'DIR/c.yaml:4',
        'DIR/c.yaml:2',
      ],
    });
  });

  test('what the file names wins over the process it was started with', async () => {
    const argv = ['-Dcassandra.config=file:///etc/cassandra/cassandra.yaml', '-Dcassandra.storagedir=/s'];
    const { roots, whence } = await read(
      'commitlog_directory: /log\n',
      hostWith('package', [{ pid: 7, argv, users: [0] }]),
    );
    expect(roots).toEqual(['hints/0=/s/hints', 'commitlog/0=/log', 'saved_caches/0=/s/saved_caches', 'data/0=/s/data']);
    expect(whence[0]).toBe('default by -Dcassandra.storagedir of pid 7');
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

test('what stands there is taken even where Cassandra would not need it', async () => {
  const text = 'cdc_raw_directory: /cdc\nlocal_system_data_file_directory: /sys\n';
  expect((await read(text, hostWith('package'))).roots).toEqual(
    expect.arrayContaining(['cdc_raw/0=/cdc', 'local_system_data/0=/sys']),
  );
});

test('--without leaves out what the file names, and what it does not', async () => {
  const text = 'cdc_enabled: true\nhints_directory: /h\ncommitlog_directory: /l\ndata_file_directories: [/d]\n';
  const { roots } = await read(text, hostWith('nowhere'), ['hints', 'saved_caches', 'cdc_raw']);
  expect(roots).toEqual(['commitlog/0=/l', 'data/0=/d']);
});

describe('refused, with what to type', () => {
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
      'nothing tells the default',
      'data_file_directories: [/d]\nhints_directory: /h\nsaved_caches_directory: /s\n',
      /has no commitlog_directory, and nothing tells the default.*\n.*add `commitlog_directory: DIR` to .*\/c\.yaml/s,
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
    ['a switch that is none', 'cdc_enabled: maybe\n', /cdc_enabled \(.*c\.yaml:1\): takes true or false/],
  ])('%s', async (_, text, said) => {
    expect(await refused(text)).toEqual({ code: 'usage', said: expect.stringMatching(said) });
  });
});

test('lm config show says of each directory what says so, and what nothing tells', async () => {
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
