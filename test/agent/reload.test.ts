// SIGHUP: new certificates, authorities and tokens hold at once for whoever connects or asks, and what is under way goes on.

import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { sandbox } from '../support/sandbox.js';
import { P, type RunningAgent, scratch, startAgent } from './running-agent.js';

const { dir, remove } = scratch();
const at = (name: string): string => join(dir, name);
const pem = (name: string): Buffer => readFileSync(at(name));

beforeAll(() => {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'ignore' });
  const key = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  for (const age of ['old', 'new']) {
    openssl('req', ...key, '-keyout', at(`${age}-ca.key`), '-out', at(`${age}-ca.pem`), '-subj', `/CN=${age}`);
    const signed = [...key, '-CA', at(`${age}-ca.pem`), '-CAkey', at(`${age}-ca.key`)];
    for (const name of [`${age}-server`, `${age}-client`])
      openssl(
        ...['req', ...signed, '-keyout', at(`${name}.key`), '-out', at(`${name}.pem`)],
        ...['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1'],
      );
    writeFileSync(at(`${age}-token`), `${age}-open-sesame-of-both\n`);
  }
});
afterAll(remove);

let agent: RunningAgent | undefined;
const root = at('root');
const F = `${P}/files/data/0/f`;
const BIG_BYTES = 64 << 20; // far more than the sockets hold

beforeEach(() => {
  mkdirSync(root, { recursive: true });
  writeFileSync(join(root, 'f'), 'hello\n');
  writeFileSync(join(root, 'big'), '');
  truncateSync(join(root, 'big'), BIG_BYTES);
});
afterEach(() => agent?.stop('SIGKILL'));

/** What the agent is given: copies, of the `age` that is in force. */
function put(age: 'old' | 'new', ...names: string[]): void {
  for (const name of names) {
    rmSync(at(name), { force: true });
    writeFileSync(at(name), pem(`${age}-${name}`), { mode: 0o600 });
  }
}

const ALL = ['server.pem', 'server.key', 'ca.pem', 'token'];

async function start(): Promise<RunningAgent> {
  put('old', ...ALL);
  const tls = ['--tls-cert', at('server.pem'), '--tls-key', at('server.key'), '--client-ca', at('ca.pem')];
  const log = ['--access-log', at('log')];
  rmSync(at('log'), { force: true, recursive: true });
  agent = await startAgent([root, '--state-dir', at('state'), ...tls, '--token-file', at('token'), ...log]);
  return agent;
}

async function hangUp({ child, says }: RunningAgent): Promise<unknown> {
  const reloaded = says('reloaded');
  child.kill('SIGHUP');
  return (await reloaded)['reloaded'];
}

/** What a client of the age has. */
const client = (age: 'old' | 'new', certificate = age) => ({
  ...{ ca: pem(`${age}-ca.pem`), cert: pem(`${certificate}-client.pem`), key: pem(`${certificate}-client.key`) },
  headers: { authorization: `Bearer ${age}-open-sesame-of-both` },
});

async function open({ port }: RunningAgent, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, ...options });
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  return socket;
}

/** All that comes until it is closed, however it is. */
function closing(socket: TLSSocket): Promise<string> {
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  return new Promise((resolve) => socket.on('close', () => resolve(text)));
}

const headOf = (target: string): string =>
  `GET ${target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer old-open-sesame-of-both\r\n\r\n`;

test('new credentials hold for new connections and requests, and a download under way comes to its end', async () => {
  const running = await start();
  const { headers, ...old } = client('old');
  expect((await running.ask(F, client('old'))).text).toBe('hello\n');
  const download = await open(running, old);
  download.write(headOf(`${P}/files/data/0/big`));
  const [first] = (await once(download, 'data')) as [Buffer];
  download.pause();
  const idle = await open(running, old);
  const silent = await open(running, old);
  const sessions: Buffer[] = [];
  idle.on('session', (session) => sessions.push(session));
  idle.write(headOf(F));
  expect(String((await once(idle, 'data'))[0])).toMatch(/hello\n$/);
  renameSync(at('log'), at('log.1'));
  put('new', ...ALL);

  const closed = closing(idle);
  const fingerprint = new X509Certificate(pem('new-server.pem')).fingerprint256;
  expect(await hangUp(running)).toEqual([
    { part: 'token', isNew: true },
    { part: 'certificate', isNew: true, fingerprint },
    { part: 'key', isNew: true },
    { part: 'client authorities', isNew: true },
    { part: 'access log', isNew: true },
  ]);
  expect(await closed).toBe(''); // though their clients had a certificate that was good when they came
  silent.write(headOf(F));
  expect(await closing(silent)).toBe('');
  let bytes = first.length - first.indexOf('\r\n\r\n') - 4;
  download.on('data', (chunk) => {
    bytes += chunk.length;
  });
  await once(download.resume(), 'close');
  expect(bytes).toBe(BIG_BYTES);

  expect((await running.ask(F, client('new'))).text).toBe('hello\n');
  expect((await running.ask(F, { ...client('new'), headers })).status).toBe(401);
  await expect(running.ask(F, client('new', 'old'))).rejects.toThrow();
  const resumed = { ...client('new', 'old'), session: sessions.at(-1), headers: client('new').headers };
  await expect(running.ask(F, resumed as object)).rejects.toThrow(); // a session from before opens nothing
  const lines = (name: string): number[] =>
    readFileSync(at(name), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).status);
  expect(await running.stop()).toBe(0);
  expect([lines('log.1'), lines('log')]).toEqual([
    [200, 200],
    [200, 200, 401],
  ]);
});

test('what cannot be used is named, and all stays as it was', async () => {
  const running = await start();
  const spoilt: [spoil: () => void, message: RegExp][] = [
    [() => chmodSync(at('token'), 0o644), /token: mode 0644 lets others read it/],
    [() => writeFileSync(at('token'), 'short\n'), /token: got 5 characters/],
    [() => rmSync(at('token')), /cannot read .*token: ENOENT/],
    [() => put('old', 'server.key'), /--tls-key.*key values mismatch/],
    [() => writeFileSync(at('ca.pem'), 'none\n'), /--client-ca cannot be used/],
    [() => void execFileSync('sh', ['-c', 'rm "$0"; mkfifo "$0"', at('ca.pem')]), /ca\.pem is a pipe/],
  ];
  for (const [spoil] of spoilt) {
    put('old', 'ca.pem');
    put('new', 'token', 'server.pem', 'server.key');
    spoil();
    expect(await hangUp(running)).toEqual([{ part: 'access log', isNew: false }]);
    expect((await running.ask(F, client('old'))).text).toBe('hello\n');
  }
  put('old', ...ALL);
  renameSync(at('log'), at('log.1'));
  mkdirSync(at('log'));
  expect(await hangUp(running)).toMatchObject(Array(4).fill({ isNew: false }));
  expect((await running.ask(F, client('old'))).text).toBe('hello\n');
  expect(await running.stop()).toBe(0);
  const warnings = running.stderr().match(/^warning: .*$/gm)!;
  expect(warnings.pop()).toMatch(/^warning: keeping the access log in use: .*EISDIR$/);
  expect(warnings).toEqual(spoilt.map(() => expect.stringMatching(/^warning: keeping the credentials in use: /)));
  for (const [i, [, message]] of spoilt.entries()) expect(warnings[i]).toMatch(message);
  expect(readFileSync(at('log.1'), 'utf8').trim().split('\n')).toHaveLength(7);
});

test('what an agent made for itself is made anew when it was removed, and found by lm copy', async () => {
  const { source, destination } = sandbox();
  const serving = [source.write('data', { a: 'a' }), '--tls-auto'];
  const { url, process: own } = await source.serve(serving, { ownToken: true });
  const [, before] = await own.says(/--pin (\S+)$/m);
  const [instance] = readdirSync(source.stateDir);
  for (const name of ['tls.pem', 'token']) rmSync(join(source.stateDir, instance!, name));
  own.kill('SIGHUP');
  const [, after] = await own.says(/^read again \(SIGHUP\): token new, certificate new \(--pin (\S+)\), key new$/m);
  expect(after).not.toBe(before);
  expect(await destination.lm(['copy', url, destination.path('to'), '--pin', after!])).toMatchObject({ code: 0 });
});

test('an agent without any of it goes on serving', async () => {
  agent = await startAgent([root, '--state-dir', at('bare')]);
  expect(await hangUp(agent)).toEqual([]);
  expect((await agent.ask(F)).text).toBe('hello\n');
});
