// cassandra.yaml of each version as it is shipped, as a tarball has it and as the packages do, and as operators change it → the roots and
// what says so.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { readCassandraYaml } from '../../../src/settings/cassandra/cassandra-yaml.js';
import type { Host } from '../../../src/settings/cassandra/storage-dir.js';
import { knownRoots } from '../../../src/settings/roots.js';
import { makeDirectory, state } from '../../support/settings.js';

const FIXTURES = fileURLToPath(new URL('../../fixtures/cassandra-yaml', import.meta.url));
const VERSIONS = ['3.11', '4.0', '4.1', '5.0'];
const shipped = (version: string): string => readFileSync(`${FIXTURES}/cassandra-${version}.yaml`, 'utf8');

/** Takes a `# ` away, as the packages do. Throws where the file has no such line. */
function stated(text: string, ...keys: string[]): string {
  return keys.reduce((yaml, key) => {
    const line = new RegExp(`^# (${key}:.*)$(?:\n#( +- .*)$)?`, 'm');
    if (!line.test(yaml)) throw new Error(`no line # ${key}`);
    return yaml.replace(line, (_, first, item) => (item === undefined ? first : `${first}\n${item}`));
  }, text);
}

const PACKAGED = ['data_file_directories', 'commitlog_directory', 'saved_caches_directory'];

/** Where the file lies, with nobody running. */
const lyingAt = (path: string): Host => ({
  processes: () => [],
  trusted: () => [0],
  toLocalPath: (_, name) => name,
  realPath: (name) => (name.endsWith('/c.yaml') ? path : name),
  exists: () => false,
});
const TARBALL = lyingAt('/opt/cassandra/conf/cassandra.yaml');
const DEB = lyingAt('/etc/cassandra/cassandra.yaml');
const RPM = lyingAt('/etc/cassandra/default.conf/cassandra.yaml');

async function found(text: string, host: Host): Promise<string[]> {
  const cwd = makeDirectory({ 'c.yaml': text });
  const { roots, rootOrigins, unknown } = knownRoots(
    (await state({ cwd, flags: { 'cassandra-yaml': 'c.yaml' } })).layers,
    host,
  );
  const lines = roots.map(({ type, index, path }, i) => `${type}/${index}=${path} ${why(rootOrigins[i]!, text, cwd)}`);
  return [...lines, ...unknown.map((type) => `${type} unknown`)];
}

/** A line of the file by what stands in it. */
function why(origin: string, text: string, cwd: string): string {
  const [path, line] = origin.split(':');
  return path === `${cwd}/c.yaml` ? `by ${text.split('\n')[Number(line) - 1]!.trim().split(/[: ]/)[0]}` : origin;
}

describe.each(VERSIONS)('%s', (version) => {
  const HOME = 'default of CASSANDRA_HOME /opt/cassandra';
  const below = (dir: string, says: string) =>
    ['hints', 'commitlog', 'saved_caches', 'data'].map((type) => `${type}/0=${dir}/${type} ${says}`);

  test('the tarball, which names no directory', async () => {
    expect(await found(shipped(version), TARBALL)).toEqual(below('/opt/cassandra/data', HOME));
    const nowhere = await found(shipped(version), lyingAt('/srv/cassandra.yaml'));
    expect(nowhere).toEqual(['hints unknown', 'commitlog unknown', 'saved_caches unknown', 'data unknown']);
  });

  test.each([
    ['deb', DEB, '/etc/cassandra'],
    ['rpm', RPM, '/etc/cassandra/default.conf'],
  ])('the %s, which names all but hints, or hints as well', async (_, host, dir) => {
    const named = [
      'commitlog/0=/var/lib/cassandra/commitlog by commitlog_directory',
      'saved_caches/0=/var/lib/cassandra/saved_caches by saved_caches_directory',
      'data/0=/var/lib/cassandra/data by -',
    ];
    expect(await found(stated(shipped(version), ...PACKAGED), host)).toEqual([
      `hints/0=/var/lib/cassandra/hints default of the package, whose file lies in ${dir}`,
      ...named,
    ]);
    expect(await found(stated(shipped(version), ...PACKAGED, 'hints_directory'), host)).toEqual([
      'hints/0=/var/lib/cassandra/hints by hints_directory',
      ...named,
    ]);
  });

  test('CDC switched on, with its directory named or not', async () => {
    const on = shipped(version).replace('cdc_enabled: false', 'cdc_enabled: true');
    expect(await found(on, DEB)).toContain(
      'cdc_raw/0=/var/lib/cassandra/cdc_raw default of the package, whose file lies in /etc/cassandra',
    );
    expect(await found(stated(on, 'cdc_raw_directory'), TARBALL)).toContain(
      'cdc_raw/0=/var/lib/cassandra/cdc_raw by cdc_raw_directory',
    );
  });

  test('several data directories, in their order', async () => {
    const several = shipped(version).replace(
      /^# data_file_directories:\n.*$/m,
      'data_file_directories:\n    - /d2/data\n    - /d1/data\n    - /d3/data',
    );
    const data = (await found(several, DEB)).filter((line) => line.startsWith('data/'));
    expect(data).toEqual(['data/0=/d2/data by -', 'data/1=/d1/data by -', 'data/2=/d3/data by -']);
  });

  test('the ports, and where they are listened on', () => {
    const cwd = makeDirectory({
      'c.yaml': shipped(version).replace('# native_transport_port_ssl', 'native_transport_port_ssl'),
    });
    const { ports } = readCassandraYaml(`${cwd}/c.yaml`).cassandra;
    const hosts = ['localhost'];
    expect(ports).toEqual([
      { name: 'native_transport_port', port: 9042, hosts },
      ...(version === '5.0' ? [] : [{ name: 'native_transport_port_ssl', port: 9142, hosts }]),
      { name: 'storage_port', port: 7000, hosts },
      { name: 'ssl_storage_port', port: 7001, hosts },
    ]);
  });
});

test.each(['4.0', '4.1', '5.0'])(
  '%s: a directory for the node’s own tables, which 3.11 does not know',
  async (version) => {
    const text = shipped(version).replace(
      '# local_system_data_file_directory:',
      'local_system_data_file_directory: /ssd/system',
    );
    expect(await found(text, DEB)).toContain('local_system_data/0=/ssd/system by local_system_data_file_directory');
    expect(shipped('3.11')).not.toContain('local_system_data_file_directory');
  },
);
