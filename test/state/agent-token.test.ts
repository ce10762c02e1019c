// Checks whose token is found, and by whom. The listening process is this one, or one of another user.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, expect, test } from '@jest/globals';
import { O_PATH } from '../../src/files/dirfd.js';
import { findLocalAgent, tokenHint } from '../../src/migration/local-agent.js';
import { ensureTokenFile, findAgentToken, holdToken } from '../../src/state/agent-token.js';

const asRoot = process.getuid?.() === 0 ? test : test.skip;
const dir = mkdtempSync(join(tmpdir(), 'lm-token-'));
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (let cleanup = cleanups.pop(); cleanup; cleanup = cleanups.pop()) await cleanup();
});
afterAll(() => rmSync(dir, { recursive: true }));

async function listen(host: string, port = 0): Promise<number> {
  const server = createServer().listen(port, host);
  await once(server, 'listening');
  cleanups.push(() => new Promise((done) => server.close(done)));
  return (server.address() as AddressInfo).port;
}

const mode = (path: string) => statSync(path).mode & 0o777;

test('a token is made once, for its owner alone, with the header that curl takes', () => {
  const path = ensureTokenFile(dir);
  const token = readFileSync(path, 'utf8');
  expect([path, token, mode(path)]).toEqual([join(dir, 'token'), expect.stringMatching(/^[0-9a-f]{64}\n$/), 0o600]);
  expect(readFileSync(ensureTokenFile(dir), 'utf8')).toBe(token);
  holdToken(path, token.trim())();
  expect(readFileSync(`${path}.header`, 'utf8')).toBe(`Authorization: Bearer ${token}`);
  expect(mode(`${path}.header`)).toBe(0o600);
});

test('it is found at the very address where its process listens, while that has it open', async () => {
  const path = ensureTokenFile(dir);
  const token = readFileSync(path, 'utf8').trim();
  const port = await listen('127.0.0.1');
  expect(await findAgentToken('127.0.0.1', port)).toBeUndefined();
  const hide = holdToken(path, token);
  cleanups.push(hide);
  expect(await findAgentToken('127.0.0.1', port)).toEqual({ token, path });
  expect(await findAgentToken('127.0.0.2', port)).toBeUndefined();
  expect(await findAgentToken('127.0.0.1', port + 1)).toBeUndefined();
  for (const [asked, url] of [
    [`http://localhost:${port}`, `http://127.0.0.1:${port}/`], // not [::1], where anybody may listen
    [`https://localhost:${port}`, `https://localhost:${port}/`],
    [`http://127.0.0.1:${port}`, `http://127.0.0.1:${port}/`],
  ])
    expect(await findLocalAgent(new URL(asked!))).toEqual({ token, path, url: new URL(url!) });
  for (const elsewhere of [
    `http://127.0.0.2:${port}`,
    `http://[::1]:${port}`,
    `http://node1:${port}`,
    'http://127.0.0.1',
  ])
    expect(await findLocalAgent(new URL(elsewhere))).toBeUndefined();
  expect(await tokenHint(new URL(`http://127.0.0.1:${port}`), true)).toContain(`--token-file ${path}`);
  expect(await tokenHint(new URL('http://127.0.0.3:1'), false)).toContain('--token-file FILE');
  expect(await tokenHint(new URL('http://127.0.0.3:1'), true)).toBeUndefined();
  expect(await tokenHint(new URL(`http://node1:${port}`), false)).toBeUndefined();
  chmodSync(path, 0o640);
  cleanups.push(() => chmodSync(path, 0o600));
  expect(await findAgentToken('127.0.0.1', port)).toBeUndefined();
});

test('a file that is only named, which takes no permission, is no token of its process', async () => {
  const path = ensureTokenFile(dir);
  const port = await listen('127.0.0.1');
  const fd = openSync(path, O_PATH);
  cleanups.push(() => closeSync(fd));
  expect(await findAgentToken('127.0.0.1', port)).toBeUndefined();
});

/** Another user's process that listens, and holds a file it may not read: O_PATH takes no permission. */
const THIEF = `
  require('fs').openSync(process.argv[1], 0o10000000);
  const server = require('net').createServer().listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

/** As `su` while it asks for a password: root's by its effective user, with the descriptors of whoever has started it. */
asRoot('a program of root that somebody else has started is not the agent', async () => {
  const path = ensureTokenFile(dir);
  for (const [users, found] of [
    [['--ruid', '65534'], undefined],
    [['--ruid', '0'], { path, token: readFileSync(path, 'utf8').trim() }],
  ] as const) {
    const child = spawn('setpriv', [...users, process.execPath, '-e', THIEF.replace('0o10000000', '0'), path]);
    cleanups.push(() => {
      child.kill();
      return once(child, 'close');
    });
    const [port] = await once(createInterface(child.stdout), 'line');
    expect(await findAgentToken('127.0.0.1', Number(port))).toEqual(found);
  }
});

asRoot('no process is sent a token that its own user could not read, nor does he find that of root', async () => {
  const path = join(dir, 'token');
  writeFileSync(path, 'the-token-of-root\n', { mode: 0o600 });
  chmodSync(dir, 0o755);
  const nobody = ['--reuid', '65534', '--regid', '65534', '--clear-groups'];
  const child = spawn('setpriv', [...nobody, process.execPath, '-e', THIEF, path]);
  cleanups.push(() => {
    child.kill();
    return once(child, 'close');
  });
  const [port] = await once(createInterface(child.stdout), 'line');
  expect(await findAgentToken('127.0.0.1', Number(port))).toBeUndefined();
});
