import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { sandbox } from '../support/sandbox.js';
import { dir } from '../support/tree.js';

const example = (name: string) => fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));

test.each(['source.yaml', 'destination.yaml'])('examples/%s says nothing lm does not understand', async (name) => {
  const { source } = sandbox();
  source.write('', { 'cassandra.yaml': 'data_file_directories: [/srv/data]\ncommitlog_directory: /srv/commitlog\n' });
  const env = { LM_CASSANDRA_YAML: source.path('cassandra.yaml') };
  const { code, stdout, stderr } = await source.lm(['config', 'show', '--config', example(name)], { env });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toContain('/srv/data');
});

test('examples/runbook.sh goes through a migration, and ends with the exit code of lm', async () => {
  const { source, destination } = sandbox();
  const agent = await source.serve([source.write('data', { a: 'a', ks: dir({ b: 'b' }) })]);
  mkdirSync(destination.path('bin'));
  symlinkSync(fileURLToPath(new URL('../../bin/lm.js', import.meta.url)), destination.path('bin/lm'));
  const env = {
    PATH: `${destination.path('bin')}:${process.env['PATH']}`,
    HOME: destination.dir,
    LM_URL: agent.url,
    LM_ROOT: `data=${destination.path('data')}`,
  };
  const runbook = (...words: string[]) =>
    spawnSync('bash', [example('runbook.sh'), ...words], { env, cwd: destination.dir, encoding: 'utf8' });
  expect(runbook('warm')).toMatchObject({ status: 0, stdout: expect.stringContaining('close enough') });
  expect(runbook('final')).toMatchObject({ status: 0, stdout: expect.stringContaining('complete here') });
  const again = runbook('final');
  expect(again).toMatchObject({ status: 0, stdout: expect.stringMatching(/^complete: .*nothing was changed$/m) });
  expect(again.stderr).not.toContain('do not start the service');
  expect(runbook()).toMatchObject({ status: 2 });
});

describe('examples/cassandra/pre-check-cassandra.sh', () => {
  const ring = (...nodes: string[]): string =>
    ['Datacenter: dc1', '===============', 'Status=Up/Down', '|/ State=Normal/Leaving/Joining/Moving']
      .concat('--  Address    Load       Tokens  Owns   Host ID                               Rack')
      .concat(nodes.map((node) => `${node}  1.02 MiB   16      50.0%  5b6c3e10-9f5e-11ef-8a3c-0242ac120002  rack1`))
      .join('\n');
  const [both, down] = [ring('UN  10.0.0.1', 'UN  10.0.0.3'), ring('DN  10.0.0.1', 'UN  10.0.0.3')];

  test.each<[string, string, string, number, RegExp]>([
    ['a source that is up, before a warm pass', both, '0.95', 0, /^$/],
    ['and before a final pass', both, '1', 1, /^the source is still up: UN 10\.0\.0\.1; nodetool drain and stop it/],
    ['a source that is down, before a final pass', down, '1', 0, /^$/],
    ['and before a warm pass', down, '0.95', 1, /^the source is not up and normal: DN 10\.0\.0\.1$/m],
    ['a source that still joins', ring('UJ  10.0.0.1', 'UN  10.0.0.3'), '0.95', 1, /not up and normal: UJ/],
    [
      'a source of which the ring knows nothing',
      ring('UN  10.0.0.11'),
      '0.95',
      1,
      /^the source \(10\.0\.0\.1\) is not in the ring$/m,
    ],
    [
      'this host in the ring',
      ring('UN  10.0.0.1', 'DN  10.0.0.2'),
      '0.95',
      1,
      /^this host is in the ring: DN 10\.0\.0\.2$/m,
    ],
    ['nobody that is up', ring('DN  10.0.0.1'), '1', 1, /shows no node that is up$/m],
    ['an answer that is none', 'nodetool: Failed to connect', '1', 1, /shows no node that is up$/m],
  ])('%s', (_, answer, threshold, status, stdout) => {
    const { destination } = sandbox();
    const nodetool = destination.path('nodetool');
    writeFileSync(nodetool, `#!/bin/sh\n[ "$*" = status ] && cat <<'EOF'\n${answer}\nEOF\n`);
    chmodSync(nodetool, 0o755);
    const env = {
      ...{ PATH: process.env['PATH'], NODETOOL: nodetool, CASSANDRA_HERE: '10.0.0.2' },
      ...{ LM_SOURCE: '10.0.0.1', LM_THRESHOLD: threshold },
    };
    const checked = spawnSync('bash', [example('cassandra/pre-check-cassandra.sh')], { env, encoding: 'utf8' });
    expect(checked).toMatchObject({ status, stdout: expect.stringMatching(stdout), stderr: '' });
  });

  test('a nodetool that fails is named', () => {
    const env = { PATH: process.env['PATH'], NODETOOL: 'false', CASSANDRA_HERE: '10.0.0.2', LM_SOURCE: '10.0.0.1' };
    const checked = spawnSync('bash', [example('cassandra/pre-check-cassandra.sh')], { env, encoding: 'utf8' });
    expect(checked).toMatchObject({ status: 1, stdout: expect.stringMatching(/^false status failed/) });
  });
});

describe('examples/postgresql', () => {
  /** A data directory and programs that say what they are told to, run on it by an example as by lm. */
  function checked(name: string, { control = '', checksums = 'exit 0', more = {} as Record<string, string> }) {
    const { destination } = sandbox();
    const data = destination.write('data', { PG_VERSION: '15\n', pg_tblspc: dir({}) });
    for (const [program, text] of Object.entries({
      pg_controldata: `[ "$*" = "-D ${data}" ] && cat <<'EOF'\n${control}\nEOF`,
      pg_checksums: `[ "$*" = "--check -D ${data}" ] || exit 9\n${checksums}`,
    })) {
      writeFileSync(destination.path(program), `#!/bin/sh\n${text}\n`);
      chmodSync(destination.path(program), 0o755);
    }
    const env = { PATH: process.env['PATH'], PGBIN: destination.dir, LM_ROOTS: `${data}:/srv/fast`, ...more };
    const run = () => spawnSync('bash', [example(`postgresql/${name}`)], { env, encoding: 'utf8' });
    return { data, run };
  }
  const state = (text: string) =>
    `pg_control version number:            1300\nDatabase cluster state:               ${text}`;
  const pages = (version: number) => `Data page checksum version:           ${version}`;

  test.each<[string, number, RegExp]>([
    ['shut down', 0, /^$/],
    ['shut down in recovery', 0, /^$/],
    ['in production', 1, /was not shut down in order, it says: in production; start it and pg_ctl stop -m fast$/m],
    ['shutting down', 1, /it says: shutting down;/],
  ])('at-rest-postgresql.sh: %s', (text, status, stdout) => {
    const { run } = checked('at-rest-postgresql.sh', { control: state(text) });
    expect(run()).toMatchObject({ status, stdout: expect.stringMatching(stdout), stderr: '' });
  });

  test('at-rest-postgresql.sh: what says nothing, and what is no data directory, is not at rest', () => {
    const answers = checked('at-rest-postgresql.sh', { control: 'no' });
    expect(answers.run()).toMatchObject({ status: 1, stdout: expect.stringContaining('it says: nothing;') });
    const other = checked('at-rest-postgresql.sh', { control: state('shut down'), more: { PGDATA: '/nowhere' } });
    expect(other.run()).toMatchObject({ status: 1, stdout: '/nowhere is no data directory: it has no PG_VERSION\n' });
    const failing = checked('at-rest-postgresql.sh', { more: { PGBIN: '/nowhere' } });
    expect(failing.run()).toMatchObject({ status: 1, stdout: expect.stringContaining('/pg_controldata failed: ') });
  });

  test.each<[string, Parameters<typeof checked>[1], number, RegExp]>([
    ['a warm pass', { control: pages(1), checksums: 'exit 1', more: { LM_THRESHOLD: '0.95' } }, 0, /^$/],
    ['a final pass', { control: pages(1), checksums: 'echo good' }, 0, /^good$/m],
    [
      'a page that is wrong',
      { control: pages(1), checksums: 'echo bad; exit 1', more: { LM_THRESHOLD: '1' } },
      1,
      /^bad$/m,
    ],
    ['no checksums', { control: pages(0), checksums: 'exit 1' }, 0, /has no checksums, so none was compared$/m],
  ])('post-check-postgresql.sh: %s', (_, answers, status, stdout) => {
    expect(checked('post-check-postgresql.sh', answers).run()).toMatchObject({
      ...{ status, stdout: expect.stringMatching(stdout), stderr: '' },
    });
  });

  test('post-check-postgresql.sh: a tablespace is checked where it is a root, and refused where it is none', () => {
    const { data, run } = checked('post-check-postgresql.sh', { control: pages(1) });
    symlinkSync('/srv/fast', `${data}/pg_tblspc/16384`);
    expect(run()).toMatchObject({ status: 0, stdout: '' });
    symlinkSync('/srv/other', `${data}/pg_tblspc/16385`);
    expect(run()).toMatchObject({
      status: 1,
      stdout: `the tablespace ${data}/pg_tblspc/16385 leads to /srv/other, which is no root of this copy\n`,
    });
  });
});
