// What an agent says while it works, and what `lm status` on its host says of it.

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { sandbox } from '../support/sandbox.js';
import { file } from '../support/tree.js';

const P = '/api/v1/live-migration';

test('who comes, who is refused and why, a root that is lost, and what went to whom', async () => {
  const { source, destination } = sandbox();
  const from = source.write('data', { a: file({ size: 100_000 }) });
  const to = destination.write('data', {});
  const token = join(source.dir, 'token');
  writeFileSync(token, 'sixteen-characters-and-more\n', { mode: 0o600 });
  const agent = await source.serve([from, '--token-file', token]);
  for (let i = 0; i < 4; i++) expect((await fetch(`${agent.url}${P}/status`)).status).toBe(401);
  expect(await destination.lm(['copy', agent.url, to, '--token-file', token])).toMatchObject({ code: 0 });
  await agent.process.says(/^127\.0\.0\.1 sends its first request$/m);
  renameSync(from, `${from}-away`);
  mkdirSync(from);
  expect(await destination.lm(['copy'])).toMatchObject({ code: 5 });

  const { code, stdout, stderr } = await agent.stop();
  expect(code).toBe(0);
  expect(stderr).toMatch(
    /^warning: root data\/0 is another directory than when lm serve began: .*; mount what belongs/m,
  );
  const refused = stderr.split('\n').filter((line) => line.startsWith('warning: refused '));
  expect(refused).toEqual([
    'warning: refused 127.0.0.1: a bearer token is required',
    'warning: refused 127.0.0.1: a bearer token is required (and 2 more like it since the last line)',
  ]);
  expect(stdout).toMatch(
    /^127\.0\.0\.1 is gone, .* without a request: \d+ requests in .*, 9\d\.\d KiB sent$|10\d\.\d KiB/m,
  );
  expect(stdout.match(/sends its first request/g)).toHaveLength(1);
});

test('a client without a certificate is told of, and why', async () => {
  const { source } = sandbox();
  const [ca, key] = [source.path('ca.pem'), source.path('key.pem')];
  const made = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=it -addext subjectAltName=IP:127.0.0.1 -keyout ${key} -out ${ca}`;
  execFileSync('openssl', made.split(' '), { stdio: 'ignore' });
  chmodSync(key, 0o600);
  const agent = await source.serve([
    source.write('data', {}),
    ...['--tls-cert', ca, '--tls-key', key, '--client-ca', ca],
  ]);
  const copy = ['copy', agent.url, source.path('to'), '--ca-cert', ca, '--retry-for', '1s'];
  const { code } = await source.lm(copy);
  expect(code).toBe(7);
  expect((await agent.stop()).stderr).toMatch(
    /^warning: no TLS session with 127\.0\.0\.1: it shows no client certificate/m,
  );
});

const asRoot = process.getuid?.() === 0 ? test : test.skip;

asRoot('a file that the agent may not read is named, whichever way it was asked for', async () => {
  const { source, destination, dir } = sandbox();
  const from = source.write('data', { shut: file({ size: 10, mode: 0 }), big: file({ size: 70 << 20, mode: 0 }) });
  const to = destination.write('data', {});
  const state = source.path('state-of-nobody');
  mkdirSync(state);
  execFileSync('chown', ['65534:65534', state]);
  for (const path of [dir, source.dir]) chmodSync(path, 0o755);
  const agent = await source.serve([from], {
    env: { LM_STATE_DIR: state },
    under: ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'],
  });
  expect((await destination.lm(['copy', agent.url, to])).code).not.toBe(0);
  const { stderr } = await agent.stop();
  expect(stderr).toMatch(/^warning: cannot read data\/0\/(shut|big): EACCES/m);
  expect(stderr.match(/cannot read/g)!.length).toBeLessThanOrEqual(2);
});

test('a source that is complete is not served, in one line, until it is reset', async () => {
  const { source } = sandbox();
  const from = source.write('data', {});
  await (await source.serve([from])).stop();
  expect(await source.lm(['complete', '--unverified'])).toMatchObject({ code: 0 });
  expect(await source.lm(['serve', from, '--listen', '127.0.0.1:0'])).toMatchObject({
    code: 6,
    stdout: '',
    stderr: expect.stringMatching(
      /^lm serve: this source is complete, since \S+Z: .*\nhint: lm reset .*\nerror already-complete \(6\): .*\n$/,
    ),
  });
  expect(await source.lm(['reset'])).toMatchObject({ code: 0 });
  await (await source.serve([from])).stop();
});
