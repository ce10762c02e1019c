// Who may talk to the agent, what it refuses to list, and how it ends.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { connect, type Socket } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { connect as tlsConnect } from 'node:tls';
import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import { hostAndPort } from '../../src/linux/addresses.js';
import { P, type RunningAgent, scratch, serveAndEnd, startAgent } from './running-agent.js';

const { dir, remove } = scratch();
let root: string;
let state: string;
let agents: RunningAgent[] = [];
let count = 0;

beforeEach(async () => {
  await Promise.all(agents.map((agent) => agent.stop('SIGKILL')));
  agents = [];
  root = join(dir, `root-${++count}`);
  state = join(dir, `state-${count}`);
  mkdirSync(join(root, 'ks'), { recursive: true });
  writeFileSync(join(root, 'ks/f'), 'hello\n');
});

afterAll(async () => {
  await Promise.all(agents.map((agent) => agent.stop('SIGKILL')));
  remove();
});

async function start(...flags: string[]): Promise<RunningAgent> {
  const agent = await startAgent([root, '--state-dir', state, ...flags]);
  agents.push(agent);
  return agent;
}

const F = `${P}/files/data/0/ks/f`;
const NDJSON = { headers: { accept: 'application/x-ndjson' } };

describe('a token', () => {
  const file = join(dir, 'token');
  writeFileSync(file, 'open-sesame-of-both\n', { mode: 0o600 });

  test('is needed for every request', async () => {
    const agent = await start('--token-file', file);
    for (const target of [F, `${P}/files`, `${P}/status`, '/']) {
      const refused = await agent.ask(target);
      expect([refused.status, refused.headers['www-authenticate']]).toEqual([401, 'Bearer realm="lm"']);
      for (const authorization of [
        'Bearer open-sesame-of-both2',
        'Bearer open-sesame-of-bot',
        'open-sesame-of-both',
        'bearer open-sesame-of-both',
        '',
      ])
        expect((await agent.ask(target, { headers: { authorization } })).status).toBe(401);
    }
    const headers = { authorization: 'Bearer open-sesame-of-both' };
    expect((await agent.ask(F, { headers })).text).toBe('hello\n');
    expect((await agent.ask(F, { headers, method: 'POST' })).status).toBe(405);
  });

  test('that others may read is refused', async () => {
    chmodSync(file, 0o644);
    const { code, stderr } = await serveAndEnd([root, '--state-dir', state, '--token-file', file]);
    chmodSync(file, 0o600);
    expect([code, stderr]).toEqual([2, expect.stringContaining(file)]);
  });
});

test.each(['0.0.0.0:0', ':0', '[::]:0', '10.1.2.3:0'])('%s needs a token', async (listen) => {
  const { code, stderr } = await serveAndEnd([root, '--state-dir', state, '--listen', listen]);
  expect([code, stderr]).toEqual([2, expect.stringContaining('--insecure')]);
  expect(existsSync(state)).toBe(false);
});

test('a page in a browser is refused, and so are methods that make no sense', async () => {
  const agent = await start();
  expect((await agent.ask(`${P}/status`, { method: 'POST', headers: { origin: 'http://x' } })).status).toBe(403);
  expect((await agent.ask(F, { headers: { origin: 'null' } })).status).toBe(403);
  for (const site of ['cross-site', 'same-site', 'same-origin'])
    expect((await agent.ask(F, { headers: { 'sec-fetch-site': site } })).status).toBe(403);
  expect((await agent.ask(F, { headers: { 'sec-fetch-site': 'none' } })).status).toBe(200);
  const put = await agent.ask(F, { method: 'PUT' });
  expect([put.status, put.headers.allow]).toEqual([405, 'GET']);
  expect((await agent.ask('/favicon.ico')).text).toBe('{"status":"Not Found"}');
});

describe('a name that was made to lead here', () => {
  const asked = async (agent: RunningAgent, host: string) => (await agent.ask(F, { headers: { host } })).status;

  test('is refused on loopback with a hint', async () => {
    const agent = await start();
    const evil = await agent.ask(F, { headers: { host: 'evil.example' } });
    expect([evil.status, evil.text]).toEqual([421, expect.stringMatching(/evil\.example.*--host/)]);
    expect(await asked(agent, hostname())).toBe(421);
    for (const host of ['localhost', `LOCALHOST.:${agent.port}`, '127.0.0.1', '127.9.9.9:80', '[::1]:1'])
      expect([host, await asked(agent, host)]).toEqual([host, 200]);
  });

  test('is refused beyond loopback where no token is required; this host has more names there', async () => {
    const agent = await start('--listen', '0.0.0.0:0', '--host', 'Old.example');
    const names = Object.values(networkInterfaces()).flatMap((list) => list!.map(({ address }) => address));
    for (const host of [hostname(), 'old.example:9043', ...names.map((one) => hostAndPort(one, 9043))])
      expect([host, await asked(agent, host)]).toEqual([host, 200]);
    expect(await asked(agent, 'evil.example')).toBe(421);
  });
});

test('HEAD has the status and headers of GET, without a body', async () => {
  const agent = await start();
  for (const target of [F, `${P}/files`, `${P}/status`, `${P}/files/data/0/nope`]) {
    const [get, head] = [await agent.ask(target), await agent.ask(target, { method: 'HEAD' })];
    expect([head.status, head.text, head.headers['content-length']]).toEqual([
      get.status,
      '',
      get.headers['content-length'],
    ]);
  }
});

test('a connection is used again', async () => {
  const agent = await start();
  const socket = connect(agent.port, '127.0.0.1');
  for (let i = 0; i < 3; i++) {
    socket.write(`GET ${F} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    expect(String(await once(socket, 'data'))).toMatch(/^HTTP\/1.1 200 OK\r\n.*\r\n\r\nhello\n$/s);
  }
  socket.destroy();
});

describe('TLS', () => {
  const at = (name: string): string => join(dir, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'ignore' });

  function certificates(): void {
    if (existsSync(at('ca.pem'))) return;
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    openssl('req', '-x509', ...key, '-keyout', at('ca.key'), '-out', at('ca.pem'), '-subj', '/CN=test ca');
    const signed = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-x509'];
    for (const name of ['server', 'client'])
      openssl(
        ...['req', ...key, ...signed, '-keyout', at(`${name}.key`), '-out', at(`${name}.pem`)],
        ...['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}.example,IP:127.0.0.1`],
      );
    for (const name of readdirSync(dir).filter((n) => n.endsWith('.key'))) chmodSync(at(name), 0o600);
  }

  const serverFlags = () => ['--tls-cert', at('server.pem'), '--tls-key', at('server.key')];

  test('serves by TLS 1.2 or later, with the quickest suite, and nothing in clear', async () => {
    certificates();
    const agent = await startAgent([root, '--state-dir', state, ...serverFlags()], { ca: readFileSync(at('ca.pem')) });
    agents.push(agent);
    expect(agent.url).toMatch(/^https:/);
    expect((await agent.ask(F)).text).toBe('hello\n');
    const old = tlsConnect({
      ...{ port: agent.port, host: '127.0.0.1', ca: readFileSync(at('ca.pem')) },
      ...{ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' },
    });
    await expect(once(old, 'secureConnect')).rejects.toThrow();
    const today = tlsConnect({ port: agent.port, host: '127.0.0.1', ca: readFileSync(at('ca.pem')) });
    await once(today, 'secureConnect');
    expect(today.getCipher().name).toBe('TLS_AES_128_GCM_SHA256'); // though Node's clients would have AES-256 first
    today.destroy();
    const clear = connect(agent.port, '127.0.0.1');
    clear.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await expect(textOf(clear)).resolves.not.toContain('HTTP/1.1 200');
  });

  test('with --client-ca, only those it signed', async () => {
    certificates();
    const ca = readFileSync(at('ca.pem'));
    const flags = [root, '--state-dir', state, ...serverFlags(), '--client-ca', at('ca.pem')];
    const agent = await startAgent(flags, { ca });
    agents.push(agent);
    await expect(agent.ask(F)).rejects.toThrow();
    const certificate = { cert: readFileSync(at('client.pem')), key: readFileSync(at('client.key')) };
    expect((await agent.ask(F, certificate)).text).toBe('hello\n');
  });

  test('with --client-name, only those of them that have the name, on a resumed session too', async () => {
    certificates();
    const ca = readFileSync(at('ca.pem'));
    const named = ['other.example', 'CLIENT.example'].flatMap((name) => ['--client-name', name]);
    const flags = [root, '--state-dir', state, ...serverFlags(), '--client-ca', at('ca.pem'), ...named];
    const agent = await startAgent(flags, { ca });
    agents.push(agent);
    expect(agent.listening).toMatchObject({ clientNames: ['other.example', 'CLIENT.example'] });
    const show = (name: string) => ({ cert: readFileSync(at(`${name}.pem`)), key: readFileSync(at(`${name}.key`)) });
    expect((await agent.ask(F, show('client'))).text).toBe('hello\n');
    for (const target of [F, `${P}/status`, '/nowhere']) {
      const { status, text } = await agent.ask(target, show('server'));
      expect([status, JSON.parse(text).message]).toEqual([
        403,
        'the client certificate is for DNS:server.example, IP Address:127.0.0.1, which is none of --client-name there',
      ]);
    }
    for (const [name, expected] of [['client', 200] as const, ['server', 403] as const]) {
      const socket = tlsConnect({ host: '127.0.0.1', port: agent.port, ca, ...show(name) });
      const [session] = await once(socket, 'session');
      socket.destroy();
      const { status } = await agent.ask(F, { session } as object); // without a certificate, which the session holds
      expect([name, status]).toEqual([name, expected]);
    }
  });

  test('a certificate that does not belong to its key', async () => {
    certificates();
    const flags = ['--tls-cert', at('server.pem'), '--tls-key', at('client.key')];
    const { code, stderr } = await serveAndEnd([root, '--state-dir', state, ...flags]);
    expect([code, stderr]).toEqual([2, expect.stringContaining('--tls-key')]);
  });

  test('a --client-ca without a certificate, which would let nobody in', async () => {
    certificates();
    const flags = [...serverFlags(), '--client-ca', at('client.key')];
    const { code, stderr } = await serveAndEnd([root, '--state-dir', state, ...flags]);
    expect([code, stderr]).toEqual([2, expect.stringContaining('--client-ca')]);
  });
});

/** All that comes until the connection ends, however it does. */
async function textOf(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  socket.on('error', () => {});
  await once(socket, 'close').catch(() => {});
  return text;
}

describe('roots', () => {
  test.each([
    ['that does not exist', () => join(root, 'nope')],
    ['that is a file', () => join(root, 'ks/f')],
  ])('a root %s', async (_, path) => {
    const { code, stderr } = await serveAndEnd([path(), '--state-dir', state]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(path())]);
  });

  test('a root within a root, and the state directory within one', async () => {
    const nested = ['--root', `data=${root}`, '--root', `hints=${join(root, 'ks')}`, '--state-dir', state];
    const within = await serveAndEnd(nested);
    expect(within).toMatchObject({ code: 2, stderr: expect.stringContaining('within root data/0') });
    expect(within.stderr).toContain('\nerror served-root (2): nothing was begun\n');
    const inside = await serveAndEnd([root, '--state-dir', join(root, 'state')]);
    expect(inside).toMatchObject({ code: 2, stderr: expect.stringContaining('--state-dir') });
    expect(existsSync(join(root, 'state'))).toBe(false);
  });

  test.each([
    ['is gone', () => {}],
    ['is another directory', () => mkdirSync(root)],
    ['is a file', () => writeFileSync(root, '')],
  ])('a root that %s is never an empty listing', async (_, then) => {
    const agent = await start();
    renameSync(root, `${root}-away`);
    then();
    for (const options of [{}, NDJSON]) {
      const { status, text } = await agent.ask(`${P}/files`, options);
      expect([status, JSON.parse(text)]).toEqual([
        409, // which a Sidecar does not try again, and lm neither
        { status: 'Conflict', code: 409, message: expect.stringContaining(root) },
      ]);
    }
    rmSync(root, { recursive: true, force: true });
    renameSync(`${root}-away`, root);
    expect((await agent.ask(`${P}/files`)).status).toBe(200);
  });
});

describe("a Sidecar's listing", () => {
  async function list(agent: RunningAgent) {
    const { status, text } = await agent.ask(`${P}/files`);
    expect(status).toBe(200);
    const { files } = JSON.parse(text) as { files: { fileUrl: string; size: number; fileType: string }[] };
    return files.map(({ fileUrl, size, fileType }) => [fileUrl.replace(`${P}/files/data/0/`, ''), fileType, size]);
  }

  test('reads through links within the root; leaves out what it could not serve, with a warning', async () => {
    symlinkSync('f', join(root, 'ks/to-file'));
    symlinkSync('.', join(root, 'ks/to-directory'));
    symlinkSync('nowhere', join(root, 'ks/dangling'));
    symlinkSync('circle', join(root, 'ks/circle'));
    symlinkSync(dir, join(root, 'ks/out of here'));
    execFileSync('mkfifo', [join(root, 'ks/pipe')]);
    const agent = await start();
    expect(await list(agent)).toEqual([
      ['ks', 'DIRECTORY', -1],
      ['ks/f', 'FILE', 6],
      ['ks/to-directory', 'DIRECTORY', -1],
      ['ks/to-file', 'FILE', 6],
    ]);
    expect(agent.stderr()).toContain('4 entries (data/0/ks/circle, data/0/ks/dangling, data/0/ks/out of here,');
    expect((await agent.ask(`${P}/files/data/0/ks/pipe`)).status).toBe(404);
    expect((await agent.ask(`${P}/files/data/0/ks/to-file`)).text).toBe('hello\n');
  });

  test('is a 409 that names what a Sidecar could not fetch, unless it is excluded', async () => {
    for (let i = 10; i < 22; i++) writeFileSync(join(root, `ks/a b${i}`), '');
    const agent = await start();
    const { status, text } = await agent.ask(`${P}/files`);
    const first = Array.from({ length: 10 }, (_, i) => `data/0/ks/a b${10 + i}`).join(', ');
    expect([status, text]).toEqual([409, expect.stringContaining(`12 names that need percent-escapes: ${first}, …`)]);
    expect((await agent.ask(`${P}/files`, NDJSON)).status).toBe(200);
    const config = join(dir, 'exclude.yaml');
    writeFileSync(config, 'live_migration:\n  files_to_exclude: ["glob:**/a b*"]\n');
    expect(await list(await start('--config', config))).toHaveLength(2);
  });

  test('is a 409 for names that are not UTF-8, all of which it names', async () => {
    for (const name of ['\xff', '\xfe']) writeFileSync(Buffer.from(`${root}/ks/${name}`, 'latin1'), '');
    writeFileSync(join(root, 'ks/100%'), '');
    const { status, text } = await (await start()).ask(`${P}/files`);
    expect([status, text]).toEqual([409, expect.stringMatching(/1 name.*ks\/100%.*not UTF-8: .*xf[ef], .*xf[ef]/)]);
  });

  test('holds an escape in a name that is served as it stands, and no other', async () => {
    writeFileSync(join(root, 'ks/a%2Bb'), 'plus');
    const agent = await start();
    expect(await list(agent)).toContainEqual(['ks/a%2Bb', 'FILE', 4]);
    expect((await agent.ask(`${P}/files/data/0/ks/a%2Bb`)).text).toBe('plus');
    for (const name of ['a%41', 'a%20b']) {
      writeFileSync(join(root, 'ks', name), '');
      expect(await agent.ask(`${P}/files`)).toMatchObject({ status: 409, text: expect.stringContaining(name) });
      rmSync(join(root, 'ks', name));
    }
  });

  test('is whole although files come and go meanwhile, and leaves no spool behind', async () => {
    for (let i = 0; i < 500; i++) writeFileSync(join(root, `ks/stays-${i}`), '');
    const script = `const fs = require('fs');
      for (let i = 0; ; i = (i + 1) % 50) {
        const f = process.argv[1] + '/ks/comes-' + i;
        fs.existsSync(f) ? fs.rmSync(f) : fs.writeFileSync(f, 'x');
      }`;
    const churn = spawn(process.execPath, ['-e', script, root]);
    try {
      const agent = await start();
      for (let i = 0; i < 15; i++) {
        const names = (await list(agent)).map(([name]) => String(name));
        expect(names.filter((name) => name.includes('stays'))).toHaveLength(500);
      }
    } finally {
      churn.kill('SIGKILL');
      await once(churn, 'close');
    }
    const [instance] = readdirSync(state);
    expect(readdirSync(join(state, instance!)).filter((name) => name.startsWith('listing'))).toEqual([]);
  });
});

test('a file that shrinks breaks the connection instead of ending short', async () => {
  const size = 64 << 20; // far more than the sockets hold
  const path = join(root, 'ks/shrinking');
  writeFileSync(path, Buffer.alloc(size, 1));
  const agent = await start();
  const socket = connect(agent.port, '127.0.0.1');
  socket.write(`GET ${P}/files/data/0/ks/shrinking HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  let got = 0;
  socket.on('data', (chunk) => {
    if (got === 0) truncateSync(path, 40 << 20);
    got += chunk.length;
  });
  await once(socket, 'close').catch(() => {});
  expect(got).toBeGreaterThan(1 << 20);
  expect(got).toBeLessThan(size);
  expect((await agent.ask(F)).text).toBe('hello\n');
});

describe('its end', () => {
  /** A download that has begun and that nobody reads on. */
  async function stuck(agent: RunningAgent): Promise<{ socket: Socket; begun: number }> {
    writeFileSync(join(root, 'ks/big'), '');
    truncateSync(join(root, 'ks/big'), 64 << 20); // far more than the sockets hold
    const socket = connect(agent.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(`GET ${P}/files/data/0/ks/big HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    socket.pause();
    return { socket, begun: chunk.length - chunk.indexOf('\r\n\r\n') - 4 };
  }

  /** How many bytes still come until the connection is closed, which may be after the agent has gone. */
  async function restOf(socket: Socket): Promise<number> {
    let bytes = 0;
    socket.on('data', (chunk) => {
      bytes += chunk.length;
    });
    socket.resume();
    await once(socket, 'close');
    return bytes;
  }

  /** A connection between two requests; it closes as soon as the agent begins to drain. */
  async function keptOpen(agent: RunningAgent): Promise<Socket> {
    const socket = connect(agent.port, '127.0.0.1');
    socket.write(`GET ${F} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await once(socket, 'data');
    return socket;
  }

  test.each(['SIGTERM', 'SIGINT'] as const)('%s without requests is a normal end', async (signal) => {
    const agent = await start();
    expect((await agent.ask(F)).status).toBe(200);
    expect(await agent.stop(signal)).toBe(0);
  });

  test('SIGTERM lets running requests finish and accepts no more', async () => {
    const agent = await start();
    const { socket, begun } = await stuck(agent);
    const idle = await keptOpen(agent);
    const ended = agent.stop();
    await once(idle, 'close');
    await expect(agent.ask(F)).rejects.toThrow();
    expect(begun + (await restOf(socket))).toBe(64 << 20);
    expect(await ended).toBe(0);
  });

  test('a second signal does not wait', async () => {
    const agent = await start();
    const { socket } = await stuck(agent);
    const idle = await keptOpen(agent);
    agent.child.kill('SIGTERM');
    await once(idle, 'close');
    agent.child.kill('SIGTERM');
    await agent.ended;
    expect(agent.child.signalCode).toBe('SIGTERM');
    socket.destroy();
  });

  test('does not come at once when --expire-after is longer than a timer can be', async () => {
    const agent = await start('--expire-after', '60d');
    expect((await agent.ask(F)).status).toBe(200);
    expect(agent.stderr()).not.toContain('TimeoutOverflowWarning');
    expect(await agent.stop()).toBe(0);
  });

  test('comes by itself after --expire-after without a request, and not while one is under way', async () => {
    const agent = await start('--expire-after', '1s');
    const { socket, begun } = await stuck(agent);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(agent.child.exitCode).toBeNull();
    expect(begun + (await restOf(socket))).toBe(64 << 20);
    expect(await agent.ended).toBe(0);
  });
});

test('--limit-rate holds for the whole agent', async () => {
  writeFileSync(join(root, 'ks/half'), Buffer.alloc(512 << 10, 1));
  const agent = await start('--limit-rate', '1MiB/s');
  const begun = performance.now();
  const answers = await Promise.all([1, 2].map(() => agent.ask(`${P}/files/data/0/ks/half`)));
  const elapsedMs = performance.now() - begun;
  expect(answers.map((answer) => answer.body.length)).toEqual([512 << 10, 512 << 10]);
  expect(elapsedMs).toBeGreaterThan(800); // 1 MiB, of which a tenth goes at once and 50 ms are on credit
  expect(elapsedMs).toBeLessThan(60_000);
});

test('--access-log has a line a request, names escaped', async () => {
  const log = join(dir, 'access.log');
  const agent = await start('--access-log', log);
  await agent.ask(F, { headers: { range: 'bytes=1-2' } });
  await agent.ask(`${P}/files/data/0/%0Anope`);
  await agent.stop();
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    {
      ts: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      remote: '127.0.0.1',
      method: 'GET',
      target: F,
      status: 206,
      bytes: 2,
      elapsedMs: expect.any(Number),
      aborted: false,
    },
    expect.objectContaining({ status: 404, target: `${P}/files/data/0/%0Anope` }),
  ]);
});

test('an address that is taken', async () => {
  const agent = await start();
  const flags = [root, '--state-dir', state, '--listen', `127.0.0.1:${agent.port}`];
  expect(await serveAndEnd(flags)).toMatchObject({ code: 2, stderr: expect.stringContaining('EADDRINUSE') });
});

test('an agent that cannot listen leaves no records', async () => {
  const { port } = await start();
  const records = join(dir, `none-${count}`);
  const taken = `127.0.0.1:${port}`;
  for (const flags of [
    ['--listen', taken],
    ['--listen', '127.0.0.1:0', '--metrics-listen', taken],
  ]) {
    const ended = await serveAndEnd([root, '--state-dir', records, ...flags]);
    expect(ended).toMatchObject({ code: 2, stderr: expect.stringContaining('EADDRINUSE') });
    expect(ended.stderr).toContain('\nerror cannot-listen (2): nothing was begun\n');
    expect(existsSync(records) ? readdirSync(records) : []).toEqual([]);
  }
});

test('an address that this host does not have', async () => {
  const flags = [root, '--state-dir', state, '--insecure', '--listen', '198.51.100.1:0'];
  const stderr = expect.stringMatching(/EADDRNOTAVAIL\nhint: this host has no such address/);
  expect(await serveAndEnd(flags)).toMatchObject({ code: 2, stderr });
});
