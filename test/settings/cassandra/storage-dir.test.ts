// Cassandra's default for directories that cassandra.yaml does not name, with processes and locations as literals.

import { normalize } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { type CommandLine, type Host, storageDir } from '../../../src/settings/cassandra/storage-dir.js';
import { refusalOf } from '../../support/settings.js';

interface Fake {
  processes?: CommandLine[];
  /** Link → its target. */
  links?: Record<string, string>;
  exist?: string[];
  /** The working directory of a process; without one, a relative path cannot be resolved. */
  cwd?: Record<number, string>;
}

function hostOf({ processes = [], links = {}, exist = [], cwd = {} }: Fake): Host {
  const realPath = (given: string): string => {
    const path = normalize(given);
    const link = Object.keys(links).find((from) => path === from || path.startsWith(`${from}/`));
    return link === undefined ? path : realPath(links[link]! + path.slice(link.length));
  };
  return {
    processes: () => processes,
    trusted: () => [0, 995],
    toLocalPath: (pid, path) => (path.startsWith('/') ? path : cwd[pid] && `${cwd[pid]}/${path}`),
    realPath,
    exists: (path) => exist.includes(path),
  };
}

const find = (file: string, fake: Fake = {}) => storageDir(file, ['commitlog'], hostOf(fake))?.path;
const refused = (file: string, fake: Fake) => refusalOf(() => find(file, fake));

describe('found by the location of the file', () => {
  test.each<[string, string | undefined]>([
    ['/etc/cassandra/cassandra.yaml', '/var/lib/cassandra'],
    ['/etc/cassandra/conf/cassandra.yaml', '/var/lib/cassandra'],
    ['/etc/cassandra/default.conf/cassandra.yaml', '/var/lib/cassandra'],
    ['/etc/cassandra/./conf//cassandra.yaml', '/var/lib/cassandra'],
    ['/opt/apache-cassandra-5.0.4/conf/cassandra.yaml', '/opt/apache-cassandra-5.0.4/data'],
    ['/home/me/cassandra/bin/../conf/cassandra.yaml', '/home/me/cassandra/data'],
    ['/etc/cassandra/node2/cassandra.yaml', undefined], // a second instance has its own -Dcassandra.storagedir
    ['/etc/cassandra-old/cassandra.yaml', undefined],
    ['/srv/etc/cassandra/cassandra.yaml', undefined],
    ['/srv/cassandra.yaml', undefined],
    ['/srv/myconf/cassandra.yaml', undefined],
  ])('%s: %s', (file, expected) => {
    expect(find(file)).toBe(expected);
  });

  test('a link to the same installation, and the container image, whose two locations are the same', () => {
    const upgraded = { links: { '/opt/cassandra': '/opt/apache-cassandra-5.0.4' } };
    expect(find('/opt/cassandra/conf/cassandra.yaml', upgraded)).toBe('/opt/cassandra/data');
    const links = { '/opt/cassandra/conf': '/etc/cassandra', '/opt/cassandra/data': '/var/lib/cassandra' };
    expect(find('/opt/cassandra/conf/cassandra.yaml', { links })).toBe('/opt/cassandra/data');
    const rpm = { links: { '/etc/cassandra/conf': '/etc/cassandra/default.conf' } };
    expect(find('/etc/cassandra/conf/cassandra.yaml', rpm)).toBe('/var/lib/cassandra');
  });

  test('a file that is linked from elsewhere has two locations: both are named, with what to type', async () => {
    const links = { '/opt/cassandra/conf': '/etc/cassandra' };
    const { code, message, hint } = await refused('/opt/cassandra/conf/cassandra.yaml', { links });
    expect(code).toBe('usage');
    expect(message).toBe(
      '/opt/cassandra/conf/cassandra.yaml has no commitlog_directory, and the default may be below /opt/cassandra/data (of CASSANDRA_HOME /opt/cassandra) or /var/lib/cassandra (of the package, whose file lies in /etc/cassandra)',
    );
    expect(hint).toContain('add to /opt/cassandra/conf/cassandra.yaml');
  });
});

describe('found by the process that runs with the file', () => {
  const FILE = '/etc/cassandra/cassandra.yaml';
  const daemon = (pid: number, ...words: string[]): CommandLine => ({
    pid,
    argv: ['java', '-Xmx8G', ...words, 'org.apache.cassandra.service.CassandraDaemon'],
    users: [995, 995, 995, 995],
  });
  const strange = (pid: number, ...words: string[]): CommandLine => ({
    ...daemon(pid, ...words),
    users: [4_242, 0, 0, 0],
  });
  const at = (dir: string): string => `-Dcassandra.storagedir=${dir}`;
  const withFile = (file: string): string => `-Dcassandra.config=${file}`;

  test.each<[string, string | undefined, Fake]>([
    ['a URL', '/x', { processes: [daemon(7, withFile(`file://${FILE}`), at('/x'))] }],
    ['a short URL', '/x', { processes: [daemon(7, withFile(`file:${FILE}`), at('/x'))] }],
    ['a path', '/x', { processes: [daemon(7, at('/x'), withFile(FILE))] }],
    ['the last of two', '/y', { processes: [daemon(7, at('/x'), withFile(FILE), at('/y'))] }],
    ['a trailing slash', '/x', { processes: [daemon(7, at('/x/'), withFile(FILE))] }],
    [
      'a link to the file',
      '/x',
      {
        processes: [daemon(7, at('/x'), withFile('file:///srv/c/cassandra.yaml'))],
        links: { '/srv/c': '/etc/cassandra' },
      },
    ],
    [
      'its class path, as by bin/cassandra',
      '/x',
      { processes: [daemon(7, at('/x'), '-cp', '/usr/lib/jars/*:/etc/cassandra:/other')], exist: [FILE] },
    ],
    [
      'a relative class path and storage directory',
      '/etc/data',
      {
        processes: [daemon(7, at('../data'), '-classpath', '.')],
        exist: ['/etc/cassandra/cassandra.yaml'],
        cwd: { 7: '/etc/cassandra' },
      },
    ],
    ['two that agree', '/x', { processes: [daemon(7, at('/x'), withFile(FILE)), daemon(8, at('/x'), withFile(FILE))] }],
    ['another file', '/var/lib/cassandra', { processes: [daemon(7, withFile('file:///srv/c.yaml'), at('/x'))] }],
    [
      'another file first in its class path',
      '/var/lib/cassandra',
      { processes: [daemon(7, at('/x'), '-cp', '/a:/etc/cassandra')], exist: ['/a/cassandra.yaml', FILE] },
    ],
    ['no file at all', '/var/lib/cassandra', { processes: [daemon(7, at('/x'))] }],
    ['no storage directory', '/var/lib/cassandra', { processes: [daemon(7, withFile(FILE))] }],
    [
      'nodetool',
      '/var/lib/cassandra',
      {
        processes: [
          { ...daemon(7), argv: ['java', at('/x'), withFile(FILE), 'org.apache.cassandra.tools.NodeTool', 'drain'] },
        ],
      },
    ],
    [
      'a shell that talks of it',
      '/var/lib/cassandra',
      { processes: [{ ...daemon(7), argv: ['sh', '-c', `java ${at('/x')} ${withFile(FILE)}`] }] },
    ],
  ])('%s: %s', (_, expected, fake) => {
    expect(find(FILE, fake)).toBe(expected);
  });

  test('a name with a space in its URL', () => {
    const processes = [daemon(7, withFile('file:///srv/a%20b/c.yaml'), at('/x'))];
    expect(find('/srv/a b/c.yaml', { processes })).toBe('/x');
  });

  test('two processes with different directories are both named', async () => {
    const processes = [daemon(7, at('/x'), withFile(FILE)), daemon(8, at('/y'), withFile(FILE))];
    const { code, message } = await refused(FILE, { processes });
    expect(code).toBe('usage');
    expect(message).toContain('/x (by -Dcassandra.storagedir of pid 7) or /y (by -Dcassandra.storagedir of pid 8)');
  });

  test('a process of another user counts where the location of the file or the service itself leads to the same directory', () => {
    const same = { processes: [strange(7, withFile(FILE), at('/var/lib/cassandra'))] };
    expect(find(FILE, same)).toBe('/var/lib/cassandra');
    const beside = { processes: [strange(7, withFile(FILE), at('/evil')), daemon(8, withFile(FILE), at('/x'))] };
    expect(find(FILE, beside)).toBe('/x');
  });

  test('a process of another user alone is not enough', async () => {
    const own = 'by -Dcassandra.storagedir of pid 7, a process of uid 4242';
    const processes = [strange(7, withFile(FILE), at('/evil'))];
    expect((await refused(FILE, { processes })).message).toBe(
      `${FILE} has no commitlog_directory, and the default may be below /var/lib/cassandra (of the package, whose file lies in /etc/cassandra) or /evil (${own})`,
    );
    const elsewhere = await refused('/srv/c.yaml', { processes: [strange(7, withFile('/srv/c.yaml'), at('/evil'))] });
    expect(elsewhere).toMatchObject({
      code: 'usage',
      message: `/srv/c.yaml has no commitlog_directory, and the default may be below /evil (${own})`,
    });
  });

  test('a process whose working directory cannot be found out is an error', async () => {
    const processes = [daemon(7, at('data'), withFile(FILE))];
    expect(await refused(FILE, { processes })).toMatchObject({
      code: 'usage',
      message: 'pid 7 runs with /etc/cassandra/cassandra.yaml and keeps its data in data',
    });
  });
});
