// Directories that a Cassandra uses and its settings do not name: found, or refused with what to type. The process is a stand-in
// with Cassandra's properties on its command line.

import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { leaveBehind, release, until } from '../support/holders.js';
import { sandbox } from '../support/sandbox.js';
import { dir, readTree } from '../support/tree.js';

afterEach(release);

const NODE = { system: dir({ 'local-7ad5': dir({ 'nb-1-big-Data.db': 'who I am' }) }) };

/** A process that was started as `words` say and has `files` open; visible when this resolves. */
async function daemon(files: string[], words: string[]): Promise<number> {
  for (const path of files) mkdirSync(dirname(path), { recursive: true });
  const opened = files.map((path, i) => `exec ${i + 3}>>'${path}'`).join('; ');
  const command = `'${process.execPath}' -e 'setInterval(() => {}, 1e9)' -- ${words.join(' ')}`;
  const pid = await leaveBehind(opened || ':', command);
  await until(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(words.at(-1) ?? 'setInterval'));
  return pid;
}

test('the default is told by the process that runs with the file, at the destination by where its own file lies', async () => {
  const { source, destination } = sandbox();
  const yaml = source.path('cassandra.yaml');
  const store = source.write('store', {
    commitlog: dir({ 'CommitLog-7-1.log': 'acknowledged' }),
    hints: dir({ 'a.hints': 'for a peer' }),
    saved_caches: dir({}),
    cdc_raw: dir({}),
    data: dir(NODE),
  });
  source.write('', { 'cassandra.yaml': 'cluster_name: x\ncdc_enabled: true\n' });
  const told = await source.lm(['serve', '--cassandra-yaml', yaml, '--listen', '127.0.0.1:0']);
  expect(told).toMatchObject({ code: 2, stderr: expect.stringContaining('add `hints_directory: DIR`') });

  const pid = await daemon([], [`-Dcassandra.config=file://${yaml}`, `-Dcassandra.storagedir=${store}`]);
  const shown = await source.lm(['config', 'show', '--cassandra-yaml', yaml]);
  expect(shown.stdout).toContain(`commitlog=${store}/commitlog  default by -Dcassandra.storagedir of pid ${pid}`);
  const agent = await source.serve(['--cassandra-yaml', yaml]);

  const home = destination.path('cassandra');
  destination.write('cassandra', { conf: dir({ 'cassandra.yaml': 'cluster_name: x\n' }), data: dir({}) });
  const copy = [
    'copy',
    agent.url,
    '--cassandra-yaml',
    `${home}/conf/cassandra.yaml`,
    '--threshold',
    '0.99',
    '--allow-running',
  ];
  const refused = await destination.lm(copy);
  expect(refused.code).toBe(6);
  expect(refused.stderr).toContain(`add \`cdc_raw_directory: DIR\` to ${home}/conf/cassandra.yaml`);
  expect(existsSync(`${home}/data/commitlog`)).toBe(false);

  destination.write('cassandra/conf', { 'cassandra.yaml': 'cluster_name: x\ncdc_enabled: true\n' });
  expect(await destination.lm(copy)).toMatchObject({ code: 0 });
  expect(await readTree(`${home}/data`)).toEqual(await readTree(store));
});

test('a process that keeps its commit log outside all roots is named, at the start and when it comes later', async () => {
  const { source, destination } = sandbox();
  const data = source.write('data', { ks: dir({ 't-1': dir({ 'nb-1-big-Data.db': 'x' }) }) });
  const held = [`${data}/ks/t-1/nb-1-big-Data.db`, source.path('log/CommitLog-7-1.log'), source.path('h/a.hints')];
  const agent = await source.serve([data]);
  const pid = await daemon(held, []);
  const what = `(pid ${pid}) has ${held[1]} open, which lies in no root`;

  const again = await source.lm(['serve', data, '--listen', '127.0.0.1:0', '--state-dir', source.path('other')]);
  expect(again.code).toBe(2);
  expect(again.stderr).toContain(what);
  expect(again.stderr).toContain(`add --root commitlog=${source.path('log')} --root hints=${source.path('h')}`);

  const to = destination.path('data');
  const refused = await destination.lm(['copy', agent.url, to, '--threshold', '0.99']);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain(what);
  expect(refused.stderr).toContain(`--root commitlog=${source.path('log')}`);
  expect(existsSync(to)).toBe(false);
  const dry = await destination.lm(['copy', agent.url, to, '--threshold', '0.99', '--dry-run']);
  expect(dry).toMatchObject({ code: 3, stderr: expect.stringContaining(`a real run would refuse: `) });
});

test('a node without its commit log and hints takes a word, which is remembered and said at every end', async () => {
  const { source, destination } = sandbox();
  const agent = await source.serve([source.write('data', NODE)]);
  expect(agent.process.stderr()).toContain('its commitlog and hints are not served');
  const to = destination.path('data');
  const copy = ['copy', agent.url, to, '--threshold', '0.99'];
  const refused = await destination.lm([...copy, '--without', 'hints']);
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('--without commitlog') });
  expect(existsSync(to)).toBe(false);

  const said = { code: 0, stdout: expect.stringContaining('without commitlog, hints: what they hold is not here') };
  const flags = ['--without', 'commitlog', '--without', 'hints'];
  expect(await destination.lm([...copy, ...flags])).toMatchObject(said);
  expect(await destination.lm(['copy', '--threshold', '0.99'])).toMatchObject(said);
  expect(await destination.lm(['verify'])).toMatchObject(said);
  expect(await destination.lm(['complete', '--unverified'])).toMatchObject(said);
});

test('what a bare command is told of cassandra.yaml by lm.yaml, the first copy was told to leave a root out of', async () => {
  const { source, destination } = sandbox();
  const agent = await source.serve([source.write('data', { a: 'a' })]);
  destination.write('', {
    'c.yaml': `data_file_directories: [${destination.path('data')}]\n`,
    'lm.yaml': `url: ${agent.url}\ncassandra_yaml: c.yaml\n`,
  });
  const flags = ['hints', 'commitlog', 'saved_caches'].flatMap((type) => ['--without', type]);
  const copy = ['copy', '--threshold', '0.99', '--allow-running'];
  expect(await destination.lm(copy)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('c.yaml has no hints_dir'),
  });
  expect(await destination.lm([...copy, ...flags])).toMatchObject({ code: 0 });
  for (const words of [copy, ['verify'], ['status'], ['complete', '--unverified']])
    expect(await destination.lm(words)).toMatchObject({ code: 0, stderr: expect.not.stringContaining('hints_dir') });
});

test('another number of data directories is refused before the first byte; as many on one disk are not', async () => {
  const { source, destination } = sandbox();
  const yamlOf = (at: (name: string) => string, ...data: string[]): string =>
    `data_file_directories: [${data.map((name) => at(name)).join(', ')}]\n${['commitlog', 'hints', 'saved_caches'].map((name) => `${name}_directory: ${at(name)}\n`).join('')}`;
  for (const name of ['d1', 'd2', 'commitlog', 'hints', 'saved_caches']) source.write(name, { [`in-${name}`]: name });
  source.write('', { 'c.yaml': yamlOf(source.path, 'd1', 'd2') });
  const agent = await source.serve(['--cassandra-yaml', source.path('c.yaml')]);
  const yaml = destination.path('c.yaml');
  const copy = ['copy', agent.url, '--cassandra-yaml', yaml, '--threshold', '0.99', '--allow-running'];

  mkdirSync(destination.path('disk'), { recursive: true });
  destination.write('', { 'c.yaml': yamlOf(destination.path, 'disk/one') });
  const fewer = await destination.lm(copy);
  expect(fewer.code).toBe(6);
  expect(fewer.stderr).toContain('lm copy: the source has 2 data_file_directories, here is 1\n');
  expect(fewer.stderr).toContain(`name as many data_file_directories in ${yaml} as the source has`);
  destination.write('', { 'c.yaml': yamlOf(destination.path, 'disk/one', 'disk/two', 'disk/three') });
  const more = await destination.lm(copy);
  expect(more.code).toBe(6);
  expect(more.stderr).toContain('nodetool relocatesstables then spreads the SSTables');
  expect(existsSync(destination.path('commitlog/in-commitlog'))).toBe(false);

  destination.write('', { 'c.yaml': yamlOf(destination.path, 'disk/one', 'disk/two') });
  expect(await destination.lm(copy)).toMatchObject({ code: 0 });
  expect(readFileSync(destination.path('disk/two/in-d2'), 'utf8')).toBe('d2');
});
