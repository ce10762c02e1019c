// The effect of each signal on a command, and of a terminal that is closed.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { startLm } from './support/lm.js';
import { makeDirectory } from './support/settings.js';
import { standIn } from './support/stand-in.js';
import { HAS_SCRIPT, onTerminal } from './support/terminal.js';

const UNTIL_ABORTED = `await new Promise((done) => io.signal.addEventListener('abort', done));`;
const STAY = 'const stay = setInterval(() => {}, 1000);';

test.each([
  ['SIGHUP', 129, 'hung up', 'error hung-up (129)'],
  ['SIGINT', 130, 'interrupted', 'error interrupted (130)'],
  ['SIGQUIT', 131, 'quit', 'error quit (131)'],
  ['SIGTERM', 143, 'terminated', 'error terminated (143)'],
] as const)('the first %s asks the command to stop, with the reason', async (signal, code, reason, kind) => {
  const env = standIn(`${STAY} io.stdout.write('ready\\n'); ${UNTIL_ABORTED} clearInterval(stay);
    io.stdout.write('tidied\\n'); throw io.signal.reason;`);
  const running = startLm(['demo'], { env });
  await running.says(/ready/);
  running.kill(signal);
  const { stdout, stderr, ...end } = await running.done;
  expect(end).toMatchObject({ code, signal: null });
  expect(stdout).toBe('ready\ntidied\n');
  const hint = 'run the same command again; a copy goes on from here';
  expect(stderr).toBe(`lm demo: ${reason}\nhint: ${hint}\n${kind}: what was copied is kept\n`);
});

test('SIGUSR1 does not start the debugger', async () => {
  const env = standIn(`const { url } = await import('node:inspector');
    process.kill(process.pid, 'SIGUSR1');
    await new Promise((done) => setImmediate(done)); io.stdout.write(\`\${process.listenerCount('SIGUSR1')} \${url()}\\n\`); return 0;`);
  expect(await startLm(['demo'], { env }).done).toMatchObject({ code: 0, stdout: '1 undefined\n', stderr: '' });
});

test('an AbortError is reported as the signal that caused it', async () => {
  const env = standIn(`const { setTimeout } = await import('node:timers/promises');
    io.stdout.write('ready\\n'); await setTimeout(60_000, undefined, { signal: io.signal });`);
  const running = startLm(['demo'], { env });
  await running.says(/ready/);
  running.kill('SIGTERM');
  expect(await running.done).toMatchObject({ code: 143, stderr: expect.stringContaining('lm demo: terminated') });
});

test('a command that succeeds after a signal ends with 0', async () => {
  const env = standIn(`${STAY} io.stdout.write('ready\\n'); ${UNTIL_ABORTED} clearInterval(stay); return 0;`);
  const running = startLm(['demo'], { env });
  await running.says(/ready/);
  running.kill('SIGTERM');
  expect(await running.done).toMatchObject({ code: 0, stderr: '' });
});

const DEAF = `${STAY} io.stdout.write('ready\\n'); ${UNTIL_ABORTED} io.stdout.write('heard\\n'); await new Promise(() => {});`;

test.each([
  ['SIGINT', 'SIGINT'],
  ['SIGTERM', 'SIGINT'],
  ['SIGHUP', 'SIGTERM'],
] as const)('after %s, a second one (%s) ends at once what does not listen', async (first, second) => {
  const running = startLm(['demo'], { env: standIn(DEAF) });
  await running.says(/ready/);
  running.kill(first);
  await running.says(/heard/);
  running.kill(second);
  expect(await running.done).toMatchObject({ code: null, signal: second });
});

test.each(['SIGHUP', 'SIGTERM'] as const)('a SIGHUP after %s does not cut the orderly end short', async (first) => {
  const env = standIn(`${STAY} io.stdout.write('ready\\n'); ${UNTIL_ABORTED} io.stdout.write('heard\\n');
    await new Promise((done) => process.once('SIGHUP', done)); clearInterval(stay);
    io.stdout.write('tidied\\n'); throw io.signal.reason;`);
  const running = startLm(['demo'], { env });
  await running.says(/ready/);
  running.kill(first);
  await running.says(/heard/);
  running.kill('SIGHUP');
  expect(await running.done).toMatchObject({ code: first === 'SIGHUP' ? 129 : 143, stdout: 'ready\nheard\ntidied\n' });
});

test('a command may handle SIGHUP itself', async () => {
  const env =
    standIn(`${STAY} io.onHangup(() => io.stdout.write('again\\n')); io.stdout.write('ready\\n'); ${UNTIL_ABORTED}
    clearInterval(stay); return 0;`);
  const running = startLm(['demo'], { env });
  await running.says(/ready/);
  running.kill('SIGHUP');
  await running.says(/again\n/);
  running.kill('SIGHUP');
  await running.says(/again\nagain\n/);
  running.kill('SIGTERM');
  expect(await running.done).toMatchObject({ code: 0 });
});

(HAS_SCRIPT ? describe : describe.skip)('a terminal that is closed (needs script)', () => {
  /** Writes as much as it can, and creates a file when it has cleaned up. */
  function writer(more = ''): { env: Record<string, string>; tidied: string } {
    const tidied = `${makeDirectory()}/tidied`;
    const env =
      standIn(`${STAY} const { writeFileSync } = await import('node:fs'); ${more} io.stdout.write('ready\\n'); ${UNTIL_ABORTED}
      for (let i = 0; i < 10; i++) { io.stdout.write('out\\n'); io.stderr.write('err\\n'); await new Promise(setImmediate); }
      clearInterval(stay); writeFileSync(${JSON.stringify(tidied)}, io.signal.reason.code); throw io.signal.reason;`);
    return { env, tidied };
  }

  test.each([
    ['', ''],
    ['though only its errors go there', '</dev/null >/dev/null'],
  ])('ends a command in an orderly way %s', async (_, redirected) => {
    const { env, tidied } = writer(redirected === '' ? '' : `io.stderr.write('ready\\n');`);
    const running = await onTerminal(['demo'], { env, redirected });
    await running.shows(/ready/);
    await running.close();
    expect(await running.code).toBe(129);
    expect(readFileSync(tidied, 'utf8')).toBe('hungUp');
  });

  test('also ends a command that handles SIGHUP itself', async () => {
    const { env, tidied } = writer('io.onHangup(() => {});');
    const running = await onTerminal(['demo'], { env });
    await running.shows(/ready/);
    process.kill(running.pid, 'SIGHUP'); // as long as it is there
    await running.close();
    expect(await running.code).toBe(129);
    expect(readFileSync(tidied, 'utf8')).toBe('hungUp');
  });

  test('has no effect on a command under nohup', async () => {
    const { env, tidied } = writer(`writeFileSync('/dev/tty', 'ready\\n');`);
    const running = await onTerminal(['demo'], { env, under: 'nohup', redirected: '>/dev/null' });
    await running.shows(/ready/);
    await running.close();
    process.kill(running.pid, 'SIGTERM');
    expect(await running.code).toBe(143);
    expect(readFileSync(tidied, 'utf8')).toBe('terminated');
  });
});
