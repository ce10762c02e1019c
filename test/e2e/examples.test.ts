import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
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
