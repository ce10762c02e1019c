// The shortest way to an encrypted copy: a certificate that the agent makes, and its fingerprint on the other host.

import { readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { sandbox } from '../support/sandbox.js';

test('--tls-auto and --pin: kept there, remembered here, and any other certificate is refused', async () => {
  const { source, destination } = sandbox();
  const from = source.write('data', { a: 'a', big: Buffer.alloc(3 << 20, 'b') });
  const token = join(source.dir, 'token');
  writeFileSync(token, 'sixteen-characters-and-more\n', { mode: 0o600 });
  const words = [from, '--tls-auto', '--token-file', token];
  const agent = await source.serve([...words, '--listen', '0.0.0.0:0']);
  const [, pin] = await agent.process.says(/^its certificate, for the other host: --pin (\S+)$/m);
  const url = agent.url.replace('0.0.0.0', '127.0.0.1');
  expect(url).toMatch(/^https:/);
  const [name] = readdirSync(source.stateDir);
  expect(statSync(join(source.stateDir, name!, 'tls.pem')).mode & 0o777).toBe(0o600);

  const to = destination.path('to');
  const refused = await destination.lm(['copy', url, to, '--token-file', token]);
  expect([refused.code, refused.stderr]).toEqual([7, expect.stringContaining('--pin')]);
  const wrong = pin!.replaceAll(/[0-9]/g, 'A');
  const other = await destination.lm(['copy', url, to, '--token-file', token, '--pin', wrong]);
  expect([other.code, other.stderr]).toEqual([7, expect.stringMatching(`${pin}.*${wrong}`)]);
  const lower = `sha256:${pin!.replaceAll(':', '').toLowerCase()}`;
  expect(await destination.lm(['copy', url, to, '--token-file', token, '--pin', lower])).toMatchObject({ code: 0 });
  expect((await agent.stop()).stderr).toMatch(/^(warning: no TLS session with a client: it hung up.*\n){1,2}$/); // the refused ones
  const again = await source.serve([...words, '--listen', new URL(url).host]);
  await again.process.says(new RegExp(`--pin ${pin}$`, 'm'));
  expect(await destination.lm(['verify'])).toMatchObject({ code: 0, stderr: '' });
  expect((await destination.lm(['status'])).stdout).toContain('an lm agent, NOT_COMPLETED');
});

test('plain HTTP to an agent that speaks TLS is a slip that no other try mends', async () => {
  const { source, destination } = sandbox();
  const agent = await source.serve([source.write('data', { a: 'a' }), '--tls-auto']);
  const plain = agent.url.replace('https:', 'http:');
  const { code, stderr } = await destination.lm(['copy', plain, destination.path('to')]);
  expect([code, stderr]).toEqual([
    7,
    `lm copy: ${plain} speaks TLS, and no plain HTTP\nhint: write ${agent.url}, with --pin SHA256 or --ca-cert FILE\nerror tls (7): what was copied is kept\n`,
  ]);
});

test('a certificate of its own that is damaged is named, with the way out', async () => {
  const { source } = sandbox();
  const words = ['serve', source.write('data', { a: 'a' }), '--tls-auto', '--listen', '127.0.0.1:0'];
  const agent = source.start(words);
  await agent.says(/^serving/m);
  agent.kill('SIGTERM');
  await agent.done;
  const path = join(source.stateDir, readdirSync(source.stateDir)[0]!, 'tls.pem');
  truncateSync(path, 300);
  const { code, stderr } = await source.lm(words);
  expect([code, stderr]).toEqual([8, expect.stringContaining(`${path} is damaged`)]);
});

test('no variable of the environment makes a certificate count that nobody vouches for', async () => {
  const { source, destination } = sandbox();
  const agent = await source.serve([source.write('data', { a: 'a' }), '--tls-auto']);
  const env = { NODE_TLS_REJECT_UNAUTHORIZED: '0' };
  const { code, stderr } = await destination.lm(['copy', agent.url, destination.path('to')], { env });
  expect([code, stderr]).toEqual([7, expect.stringContaining('self-signed certificate')]);
});

test('what goes in clear beyond loopback is said, on both ends', async () => {
  const { source, destination } = sandbox();
  const agent = await source.serve([source.write('data', { a: 'a' }), '--listen', '0.0.0.0:0']);
  const { code, stderr } = await destination.lm(['copy', 'http://lm.invalid:9043', destination.path('to')]);
  expect([code, stderr.match(/not encrypted/g)]).toEqual([2, ['not encrypted']]);
  expect((await agent.stop()).stderr).toMatch(/^warning: what is served is not encrypted: .*--tls-auto/);
  expect(stderr).toMatch(/^warning: http:\/\/lm\.invalid:9043 is not encrypted: .*--tls-auto.*--pin/);
});
