// Every number a script may act on, reached from the command line. What guards refuse (6) has a file of its own.

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { jsonLines } from '../support/lm.js';
import { startMutator } from '../support/mutate.js';
import { type ProxyOptions, startProxy } from '../support/proxy.js';
import { type Host, sandbox } from '../support/sandbox.js';
import { HAS_SCRIPT, onTerminal } from '../support/terminal.js';
import { dir, file, type Tree } from '../support/tree.js';

const MIB = 1024 * 1024;

/** An agent with a tree, and an empty place to copy it to. */
async function pair(tree: Tree = { a: 'a' }, serveArgs: string[] = []) {
  const box = sandbox();
  const from = box.source.write('data', tree);
  const to = box.destination.write('data', {});
  const agent = await box.source.serve([from, ...serveArgs]);
  return { ...box, from, to, agent };
}

const messages = (stderr: string) =>
  stderr.split('\n').filter((line) => line !== '' && !/^(hint: |error [a-z-]+ \()/.test(line));

describe('2, usage or settings: one line that names the key, what it got and what it takes', () => {
  test.each([
    [['copy', 'http://127.0.0.1:1', '--threshold', '1.5'], /threshold.*1\.5/],
    [['copy', 'http://127.0.0.1:1', '--threshold', 'much'], /threshold.*much/],
    [['copy', 'http://127.0.0.1:1', '--max-iterations', '0'], /max-iterations.*0/],
    [['copy', 'http://127.0.0.1:1', '--limit-rate', '200'], /limit-rate.*200/],
    [['copy', 'http://127.0.0.1:1', '--max-delete', '101%'], /max-delete.*101%/],
    [['copy', 'not a url', 'data'], /not a url/],
    [['copy', 'http://127.0.0.1:1', '--root', 'logs=data'], /logs/],
    [['copy'], /url/i],
    [['verify', '--algo', 'sha256'], /algo.*sha256.*xxhash32/],
    [['serve', 'data', '--listen', '0.0.0.0:0'], /0\.0\.0\.0.*token/s],
    [['serve', 'data', '--listen', '[::]:0'], /token/],
    [['copy', '--no-such-flag'], /no-such-flag/],
    [['cpoy'], /cpoy/],
    [['serve', '--config', 'missing.yaml'], /missing\.yaml/],
    [['serve', '--config', 'typo.yaml'], /treshold/],
  ])('lm %s', async (args, message) => {
    const { destination } = sandbox();
    destination.write('', { data: dir({}), 'typo.yaml': 'treshold: 0.9\n' });
    const { code, stdout, stderr } = await destination.lm(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(messages(stderr)).toHaveLength(1);
  });

  test('an unauthenticated public listen is allowed by --insecure', async () => {
    const { agent } = await pair({}, ['--listen', '0.0.0.0:0', '--insecure']);
    expect((await agent.stop()).code).toBe(0);
  });

  test('--help and --version are no errors, and help ends with the exit codes', async () => {
    const { destination } = sandbox();
    const help = await destination.lm(['copy', '--help']);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout.trimEnd().split('\n').at(-1)).toMatch(/^\s*143\b/);
    expect(await destination.lm(['--version'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+/) });
  });
});

describe('3, below the threshold', () => {
  test('passes used up, the work kept', async () => {
    const { from, to, agent, destination, defer } = await pair({ still: file({ size: 2 * MIB }) });
    const mutator = startMutator(`${from}/busy`, { everyMs: 1 });
    defer(() => mutator.stop());
    await mutator.reaches(200);
    const args = ['--threshold', '0.9999', '--max-iterations', '1', '--max-delete', '100%']; // most of this tree comes and goes
    const result = await destination.lm(['copy', agent.url, to, ...args]);
    expect(result).toMatchObject({ code: 3 });
    expect(result.stdout).toMatch(/^next: lm copy again/m);
    expect(execFileSync('ls', [to]).toString()).toContain('still');
  });

  test('a dry run below it too', async () => {
    const { to, agent, destination } = await pair();
    expect(await destination.lm(['copy', agent.url, to, '--dry-run'])).toMatchObject({ code: 3 });
    expect(execFileSync('ls', ['-A', to]).toString()).toBe('');
  });

  test('at 1.0 what has no bytes is missing too, and the message says so', async () => {
    const { to, agent, destination } = await pair({ empty: '' });
    const { code, stdout } = await destination.lm(['copy', agent.url, to, '--dry-run']);
    expect(code).toBe(3);
    expect(stdout).toMatch(/^copy: all bytes match, but not every entry/m);
  });
});

test('2, certificates and keys that cannot be used', async () => {
  const { destination } = sandbox();
  const pem = (name: string) => destination.path(`${name}.pem`);
  for (const name of ['one', 'other']) {
    const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    const names = ['-subj', `/CN=${name}`, '-keyout', pem(`${name}-key`), '-out', pem(name)];
    execFileSync('openssl', [...request, ...names], { stdio: 'ignore' });
  }
  const copy = (...flags: string[]) =>
    destination.lm(['copy', 'https://127.0.0.1:1', destination.path('data'), ...flags]);
  const mixed = await copy('--client-cert', pem('one'), '--client-key', pem('other-key'));
  expect(mixed).toMatchObject({ code: 2, stderr: expect.stringContaining('--client-key cannot be used') });
  expect(mixed.stderr).toContain('\nerror certificate (2): nothing was begun\n');
  const none = await copy('--ca-cert', pem('one-key'));
  expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining('--ca-cert cannot be used') });
});

describe('5, the source cannot be reached', () => {
  test('nobody listens', async () => {
    const { to, agent, destination } = await pair();
    await agent.stop();
    const { code, stderr } = await destination.lm(['copy', agent.url, to, '--retry-for', '0']);
    expect(code).toBe(5);
    expect(stderr).toContain(new URL(agent.url).host);
    expect(stderr).toContain('ECONNREFUSED');
  });

  test('a cut connection is tried again and costs nothing', async () => {
    const { to, agent, destination, from } = await pair({ big: file({ size: 16 * MIB }) });
    const proxy = await startProxy(agent.url, { cutAfter: 4 * MIB });
    expect(await destination.lm(['copy', proxy.url, to])).toMatchObject({ code: 0 });
    execFileSync('diff', ['-r', from, to]);
    await proxy.stop();
  });
});

describe('7, authentication, TLS or protocol', () => {
  const tokens = (host: Host, token: string) => {
    writeFileSync(host.path('token'), `${token}\n`, { mode: 0o600 });
    return ['--token-file', host.path('token')];
  };

  test('a token opens the door, a wrong one or none does not', async () => {
    const { source, destination, host } = sandbox();
    const agent = await source.serve([source.write('data', { a: 'a' }), ...tokens(source, 'right'.repeat(8))]);
    const copy = (at: Host, args: string[]) => at.lm(['copy', agent.url, at.write('data', {}), ...args]);
    expect(await copy(destination, tokens(destination, 'wrong'.repeat(8)))).toMatchObject({ code: 7 });
    expect(await copy(destination, [])).toMatchObject({ code: 7 });
    const friend = host('friend');
    expect(await copy(friend, tokens(friend, 'right'.repeat(8)))).toMatchObject({ code: 0 });
  });

  test('something else answers', async () => {
    const { to, agent, destination } = await pair({ a: file({ size: MIB }) });
    const proxy = await startProxy(agent.url, { flipAt: 0 }); // "HTTP/1.1" becomes "ITTP/1.1"
    expect([5, 7]).toContain((await destination.lm(['copy', proxy.url, to])).code);
    await proxy.stop();
  });

  test('a bit flipped on the way never reaches a final name', async () => {
    const { from, to, agent, destination } = await pair({ big: file({ size: 8 * MIB }) });
    const proxy = await startProxy(agent.url, { flipAt: 4 * MIB });
    const { code } = await destination.lm(['copy', proxy.url, to]);
    if (code === 0) execFileSync('diff', ['-r', from, to]);
    else expect(execFileSync('ls', [to]).toString()).not.toContain('big');
    await proxy.stop();
  });

  test('a bit flipped under TLS is the network’s fault: tried again', async () => {
    const { source, destination, defer } = sandbox();
    const [key, cert] = [source.path('key.pem'), source.path('cert.pem')];
    const from = source.write('data', { big: file({ size: 8 * MIB }) });
    const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    const named = ['-keyout', key, '-out', cert, '-subj', '/CN=source', '-addext', 'subjectAltName=IP:127.0.0.1'];
    execFileSync('openssl', [...made, ...named], { stdio: 'ignore' });
    chmodSync(key, 0o600);
    const agent = await source.serve([from, '--tls-cert', cert, '--tls-key', key]);
    const proxy = await startProxy(agent.url, { flipAt: 4 * MIB });
    defer(() => proxy.stop());
    const to = destination.write('data', {});
    const url = proxy.url.replace('http:', 'https:');
    const { code, stderr } = await destination.lm(['copy', url, to, '--ca-cert', cert]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/^retry .*damaged on the way$/m) });
    execFileSync('diff', ['-r', from, to]);
  });
});

describe('8, the local disk', () => {
  test('the state directory cannot be made', async () => {
    const { to, agent, destination } = await pair();
    destination.write('', { 'a file': '' });
    const { code, stderr } = await destination.lm(['copy', agent.url, to], {
      env: { LM_STATE_DIR: destination.path('a file', 'state') },
    });
    expect(code).toBe(8);
    expect(stderr).toContain('ENOTDIR');
  });

  const asRoot = process.getuid?.() === 0 ? test : test.skip;

  asRoot('too little space is said before the first byte', async () => {
    const { agent, destination, defer } = await pair({ small: 's', big: file({ size: 4 * MIB }) });
    const to = destination.path('small-disk');
    mkdirSync(to);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', to]);
    defer(() => execFileSync('umount', [to]));
    const { code, stderr } = await destination.lm(['copy', agent.url, to]);
    expect(code).toBe(8);
    expect(stderr).toMatch(/space/);
    expect(stderr).toContain('\nerror no-space (8): what was copied is kept\n');
    expect(execFileSync('ls', ['-A', to]).toString()).toBe('');
  });

  test('too few open files for the program itself is no bug of it', async () => {
    const { agent, to, destination } = await pair();
    // Which call meets the limit differs with the limit and with Node: a module, a thread, a socket, a directory.
    for (const limit of [30, 36, 39]) {
      const under = ['sh', '-c', `ulimit -n ${limit}; exec "$@"`, 'sh'];
      const { code, stderr } = await destination.lm(['copy', agent.url, to], { under });
      expect({ limit, code, stderr }).toMatchObject({
        code: 8,
        stderr: expect.stringMatching(/EMFILE\nhint: .*ulimit -n/),
      });
    }
  });

  test('a verification that cannot be written down is not told to have passed', async () => {
    const { agent, to, destination } = await pair();
    expect(await destination.lm(['copy', agent.url, to])).toMatchObject({ code: 0 });
    const journal = execFileSync('find', [destination.stateDir, '-name', 'journal.jsonl']).toString().trim();
    const records = readFileSync(journal, 'utf8');
    const maxBytes = records.length + records.indexOf('\n') + 20; // room for its beginning, and not for its end
    const under = ['prlimit', `--fsize=${maxBytes}`];
    const { code, stdout, stderr } = await destination.lm(['verify'], { under });
    expect(code).toBe(8);
    expect(stderr).toContain(`cannot write ${journal}: EFBIG`);
    expect(stdout).not.toContain('lm complete');
  });

  test('what stops the main thread is told, not that it stopped the download under way', async () => {
    const tree = { first: file({ size: 64 * MIB }), d: dir({ second: file({ size: 9 * MIB }) }) };
    const { agent, to, destination } = await pair(tree, ['--limit-rate', '25MiB/s']);
    const copy = destination.start(['copy', agent.url, to, '--concurrency', '1', '--json']);
    await copy.says(/"bytesDone":[1-9]/);
    rmdirSync(`${to}/d`); // where the main thread is to make a part, once there is room in the queue
    const { code, stderr, stdout } = await copy.done;
    expect(code).toBe(8);
    expect(stderr).toContain(`cannot write ${to}/d/second: ENOENT`);
    const lines = jsonLines(stdout);
    expect(lines.find(({ type }) => type === 'iteration-ended')).toMatchObject({ state: 'FAILED' });
    const { run } = lines.find(({ type }) => type === 'run-started')!;
    expect(lines.slice(-2)).toMatchObject([
      { type: 'error', run },
      { type: 'summary', run },
    ]);
  });

  asRoot('a directory that may not be written to', async () => {
    const { agent, destination } = await pair();
    const to = destination.write('theirs', {});
    execFileSync('chmod', ['-R', 'a+rX', destination.dir]);
    execFileSync('chmod', ['a+rx', `${destination.dir}/..`]);
    const { code, stderr } = await destination.lm(['copy', agent.url, to], {
      env: { LM_STATE_DIR: '/tmp/lm-test-nobody-state', HOME: '/nonexistent' },
      under: ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'],
    });
    execFileSync('rm', ['-rf', '/tmp/lm-test-nobody-state']);
    expect(code).toBe(8);
    expect(stderr).toContain('EACCES');
  });
});

describe('while another copy is under way', () => {
  /** A copy that hangs in the middle of a file. */
  async function hanging(options: ProxyOptions = { stallAfter: 2 * MIB }) {
    const all = await pair({ big: file({ size: 16 * MIB }) });
    const proxy = await startProxy(all.agent.url, options);
    all.defer(() => proxy.stop());
    const running = all.destination.start(['copy', proxy.url, all.to]);
    await proxy.stalled;
    return { ...all, running };
  }

  test('9, the lock is held; it goes with its holder', async () => {
    const { running, destination, agent, to, from } = await hanging();
    const second = await destination.lm(['copy', agent.url, to]);
    expect(second).toMatchObject({ code: 9 });
    expect(second.stderr).toContain(String(running.pid));
    running.kill('SIGKILL');
    await running.done;
    expect(await destination.lm(['copy', agent.url, to, '--new-source'])).toMatchObject({ code: 0 });
    execFileSync('diff', ['-r', from, to]);
  });

  test.each([
    ['SIGHUP', 129],
    ['SIGINT', 130],
    ['SIGQUIT', 131],
    ['SIGTERM', 143],
  ] as const)('%s ends it with %d, and what to run next', async (signal, code) => {
    const { running } = await hanging();
    running.kill(signal);
    const ended = await running.done;
    expect(ended).toMatchObject({ code, signal: null });
    expect(ended.stdout + ended.stderr).toMatch(/lm copy again|same command again/);
  });

  (HAS_SCRIPT ? test : test.skip)('129, its terminal is closed: the end is recorded, and the lock free', async () => {
    const { destination, agent, to, from, defer } = await pair({ big: file({ size: 16 * MIB }) });
    const proxy = await startProxy(agent.url, { stallAfter: 2 * MIB });
    defer(() => proxy.stop());
    const env = { HOME: destination.home, LM_STATE_DIR: destination.stateDir };
    const running = await onTerminal(['copy', proxy.url, to], { env });
    await proxy.stalled;
    await running.close();
    expect(await running.code).toBe(129);
    expect((await destination.lm(['status'])).stdout).toMatch(/ended with exit code 129 \(hung up \(SIGHUP\)\)/);
    const again = await destination.lm(['copy', agent.url, to, '--new-source']);
    expect(again).toMatchObject({ code: 0 });
    execFileSync('diff', ['-r', from, to]);
  });
});
