import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { sandbox } from '../support/sandbox.js';

const example = (name: string) => fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));

test.each(['source.yaml', 'destination.yaml'])('examples/%s says nothing lm does not understand', async (name) => {
  const { source } = sandbox();
  source.write('', { 'cassandra.yaml': 'data_file_directories: [/srv/data]\ncommitlog_directory: /srv/commitlog\n' });
  const env = { LM_CASSANDRA_YAML: source.path('cassandra.yaml') };
  const { code, stdout, stderr } = await source.lm(['config', 'show', '--config', example(name)], { env });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toContain('/srv/data');
});

test('examples/runbook.sh is a shell script', () => {
  execFileSync('bash', ['-n', example('runbook.sh')]);
});
