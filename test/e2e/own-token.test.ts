// An agent that was given no token: what other users of its host get from it, and how its own go on without a word.

import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { sandbox } from '../support/sandbox.js';

const P = '/api/v1/live-migration';
const isRoot = process.getuid?.() === 0;
const NOBODY = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];

/** Every kind of request, then the state it has left; and one that has sent and closed before anybody could ask who it was. */
const OTHER_USER = `
  const [url, token] = process.argv.slice(1);
  const ask = async (method, target, body) =>
    (await fetch(url + '${P}' + target, { method, body })).status;
  (async () => {
    const seen = [];
    for (const target of ['/files', '/files/data/0/secret', '/status', '/open-files', '/nothing']) seen.push(await ask('GET', target));
    for (const target of ['/fetch', '/digests', '/status']) seen.push(await ask('POST', target, '{}'));
    seen.push(await ask('DELETE', '/status'));
    await new Promise((done) => {
      const { hostname, port } = new URL(url);
      const socket = require('net').connect(port, hostname);
      socket.end('POST ${P}/status HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Length: 0\\r\\n\\r\\n');
      socket.resume().on('close', done).on('error', done);
    });
    console.log(JSON.stringify(seen));
  })();
`;

test('a token is made where none was given; its user and root go on without a word, and nobody else does', async () => {
  const { source, destination, dir } = sandbox();
  const from = source.write('data', { secret: 'of root' });
  const to = destination.path('to');
  const agent = await source.serve([from], { ownToken: true });
  if (isRoot) {
    const [command, ...before] = [...NOBODY, process.execPath, '-e', OTHER_USER, agent.url];
    const { stdout, stderr } = spawnSync(command!, before, { cwd: '/', encoding: 'utf8' });
    expect([stderr, JSON.parse(stdout || '[]')]).toEqual(['', Array(9).fill(401)]);
  }
  const [, token] = await agent.process.says(
    /^token in (\/\S+\/token), made for this agent; lm copy on this host finds it$/m,
  );
  expect([token!.startsWith(source.stateDir), statSync(token!).mode & 0o777]).toEqual([true, 0o600]);
  const [, authorization] = readFileSync(`${token}.header`, 'utf8').trim().split(/: /);
  const { status } = await fetch(`${agent.url}${P}/status`, { headers: { authorization: authorization! } });
  expect(status).toBe(200);

  const local = agent.url.replace('127.0.0.1', 'localhost');
  expect(await destination.lm(['copy', local, to])).toMatchObject({ code: 0 });
  expect(await destination.lm(['verify'])).toMatchObject({ code: 0 });
  expect((await destination.lm(['status'])).stdout).toContain('an lm agent, NOT_COMPLETED');
  const wrong = destination.path('wrong');
  writeFileSync(wrong, 'sixteen-characters-and-more\n', { mode: 0o600 });
  const refused = await destination.lm(['copy', '--token-file', wrong]);
  expect([refused.code, refused.stderr]).toEqual([7, expect.stringContaining(`--token-file ${token}`)]);

  await agent.stop();
  const again = await source.serve([from, '--listen', new URL(agent.url).host], { ownToken: true });
  await again.process.says(/^token in .* made for this agent/m);
  expect((await fetch(`${again.url}${P}/status`, { headers: { authorization: authorization! } })).status).toBe(200);
  if (isRoot) {
    const env = { HOME: '/', LM_STATE_DIR: join(dir, 'nobody') };
    spawnSync('install', ['-d', '-o', '65534', env.LM_STATE_DIR, join(dir, 'hers')]);
    spawnSync('chmod', ['755', dir]);
    const stranger = await destination.lm(['copy', agent.url, join(dir, 'hers')], { under: NOBODY, env, cwd: '/' });
    expect([stranger.code, stranger.stderr]).toEqual([
      7,
      expect.stringContaining('said when it started where its token'),
    ]);
  }
  expect(await destination.lm(['complete'])).toMatchObject({ code: 0 });
});

(isRoot ? test : test.skip)('root finds the token of another user’s agent, and --insecure does without', async () => {
  const { source, destination, dir } = sandbox();
  const from = source.write('data', { a: 'a' });
  chmodSync(dir, 0o755);
  for (const path of [source.dir, from, join(from, 'a')]) chownSync(path, 65534, 65534);
  const agent = await source.serve([from], { ownToken: true, under: NOBODY });
  expect(await destination.lm(['copy', agent.url, destination.path('to'), '--owner', 'numeric'])).toMatchObject({
    code: 0,
  });
  await agent.stop();
  const open = await source.serve([from, '--insecure'], { ownToken: true, under: NOBODY });
  expect((await fetch(`${open.url}${P}/files/data/0/a`)).status).toBe(200);
  await open.process.says(/only this host/);
  expect(open.process.stdout()).not.toContain('made for this agent');
});
