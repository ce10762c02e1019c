// Settings and records of another user of this host: whose they are is said, and nothing they name is run, asked or sent anything.

import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { IS_ROOT, OTHER_USER, SOMEBODY, under } from '../support/as-user.js';
import { type Host, sandbox } from '../support/sandbox.js';

const asRoot = IS_ROOT ? test : test.skip;

/** Whoever is sent here has obeyed a stranger; the requests with the tokens they bring. */
async function trap(defer: (cleanup: () => unknown) => void) {
  const caught: string[] = [];
  const server = createServer(({ url, headers }, reply) => {
    caught.push(`${url} ${headers.authorization ?? 'no token'}`);
    reply.writeHead(500).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  defer(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, caught };
}

const give = (path: string, uid: number) => execFileSync('chown', ['-hR', `${uid}:${uid}`, path]);

asRoot('an lm.yaml that a stranger has left in the working directory', async () => {
  const { dir, destination: host, defer } = sandbox();
  const { url, caught } = await trap(defer);
  chmodSync(dir, 0o755);
  const pwned = host.path('pwned');
  const theirs = host.write('theirs', {
    'lm.yaml': `url: ${url}\npre_check: touch ${pwned}\nlisten: 0.0.0.0:0\ninsecure: true\nstate_dir: /proc/none\n`,
  });
  give(theirs, OTHER_USER);
  const to = host.write('data', {});
  const at = (args: string[], env: Record<string, string> = {}, uid = 0) =>
    host.lm(args, { cwd: theirs, env: { LM_CONFIG: '', ...env }, ...(uid > 0 && { under: under(uid) }) });

  const bare = await at(['copy', to]);
  expect(bare).toMatchObject({ code: 2, stderr: expect.stringContaining('lm copy: no source URL is given') });
  expect(bare.stderr).toMatch(
    `warning: not read as root, because it was only found here: ${theirs}/lm.yaml; give --config ./lm.yaml if it is meant\n`,
  );
  const agent = await host.serve([to], { cwd: theirs });
  expect(agent.url).toContain('127.0.0.1');
  await agent.stop();

  const refused = `${theirs}/lm.yaml is not trusted: ${theirs} belongs to uid ${OTHER_USER}\n`;
  expect(await at(['copy', to, '--config', 'lm.yaml'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(refused),
  });
  expect(await at(['serve', to], { LM_CONFIG: 'lm.yaml' })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(refused),
  });
  expect(await at(['config', 'show'], {}, SOMEBODY)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(refused),
  });
  const own = await at(['config', 'show'], { LM_STATE_DIR: `${theirs}/state` }, OTHER_USER);
  expect(own).toMatchObject({ code: 0, stdout: expect.stringContaining(url) });
  expect([existsSync(pwned), caught]).toEqual([false, []]);
});

asRoot('which file was read is said: by a run, by config show, and by whoever is asked to be verbose', async () => {
  const { source, destination, defer } = sandbox();
  const own = destination.path('lm.yaml');
  const to = destination.write('data', {});
  const agent = await source.serve([source.write('data', { a: 'a' })]);
  defer(() => agent.stop());
  destination.write('', { 'lm.yaml': `url: ${agent.url}\n` });
  const line = `settings from ${own}\n`;
  expect((await destination.lm(['copy', to])).stdout).toContain(line);
  expect((await destination.lm(['verify'])).stdout).toContain(line);
  expect((await destination.lm(['verify', '--quiet'])).stdout).not.toContain('settings from');
  expect((await destination.lm(['status'])).stdout).not.toContain('settings from');
  expect((await destination.lm(['status', '--verbose'])).stdout.startsWith(line)).toBe(true);
  const shown = (await destination.lm(['config', 'show'], { env: { LM_CONFIG: '' }, cwd: '/' })).stdout;
  expect(shown).toMatch(/^config +- +-$/m);
  expect((await destination.lm(['config', 'show'])).stdout).toMatch(/^config +\/\S+lm\.yaml +LM_CONFIG$/m);
});

/** A copy whose records name a command, a token and the trap; then they are the stranger's. */
async function planted(host: Host, source: Host, url: string) {
  const token = host.path('token');
  writeFileSync(token, 'a-token-of-root-itself\n', { mode: 0o600 });
  const agent = await source.serve([source.write('data', { a: 'a' })]);
  const to = host.write('data', {});
  const guard = ['--pre-check', `echo >> ${host.path('ran')}`];
  for (const args of [['copy', agent.url, to, ...guard], ['verify']])
    expect(await host.lm(args)).toMatchObject({ code: 0 });
  const [name] = readdirSync(host.stateDir);
  const dir = `${host.stateDir}/${name}`;
  const remembered = { url, root: [`data=${to}`], 'token-file': token, 'pre-check': `touch ${host.path('pwned')}` };
  writeFileSync(`${dir}/remembered.json`, JSON.stringify(remembered));
  give(host.stateDir, OTHER_USER);
  return { agent, to, dir };
}

asRoot('a state directory of a stranger’s is read, and nothing in it is obeyed', async () => {
  const { source, destination: host, defer } = sandbox();
  const { url, caught } = await trap(defer);
  const { agent, to, dir } = await planted(host, source, url);
  const whose = `${host.stateDir} belongs to uid ${OTHER_USER}`;

  for (const args of [['copy'], ['copy', agent.url, to], ['verify'], ['serve', to]])
    expect([args, await host.lm(args)]).toMatchObject([
      args,
      { code: 2, stderr: expect.stringMatching(`are not trusted: ${whose}\n.*hint: give another --state-dir`) },
    ]);
  expect(await host.lm(['status'])).toMatchObject({ code: 0, stdout: expect.stringContaining(whose) });
  expect((await host.lm(['status'])).stdout).toMatch(/source +not known yet/);
  expect((await host.lm(['config', 'show'])).stdout).not.toContain(url);
  const complete = await host.lm(['complete']);
  expect(complete).toMatchObject({ code: 2, stderr: expect.stringContaining('no source URL is given') });
  expect(complete.stderr).toContain(
    `warning: these records are somebody else's, or could be changed: ${whose}; they are read`,
  );

  const precious = host.path('precious');
  mkdirSync(precious);
  writeFileSync(`${precious}/file`, '');
  symlinkSync(precious, `${dir}/spool`);
  expect(await host.lm(['complete'], { env: { LM_URL: agent.url } })).toMatchObject({ code: 0 });
  expect(readdirSync(precious)).toEqual(['file']);
  expect(await host.lm(['reset'])).toMatchObject({ code: 0, stderr: expect.stringContaining(whose) });
  expect([readdirSync(precious), readdirSync(host.stateDir)]).toEqual([['file'], []]);
  expect([existsSync(host.path('pwned')), caught]).toEqual([false, []]);
});

asRoot('a state directory that $XDG_STATE_HOME puts where all can write is not begun', async () => {
  const { source, destination: host } = sandbox();
  const open = host.write('open', {});
  chmodSync(open, 0o777);
  const agent = await source.serve([source.write('data', { a: 'a' })]);
  const copy = () =>
    host.lm(['copy', agent.url, host.path('data')], { env: { LM_STATE_DIR: '', XDG_STATE_HOME: open } });
  expect(await copy()).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(
      `the records in ${open}/lm are not trusted: ${open} can be written by everybody (mode 0777)`,
    ),
  });
  expect([readdirSync(open), existsSync(host.path('data'))]).toEqual([[], false]);
  chmodSync(open, 0o1777);
  mkdirSync(`${open}/lm`);
  chownSync(`${open}/lm`, OTHER_USER, OTHER_USER);
  expect(await copy()).toMatchObject({ code: 2, stderr: expect.stringContaining(`belongs to uid ${OTHER_USER}`) });
});
