import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { OpenFiles } from '../../src/files/open-files.js';
import { inspectService, judgeOpenFiles, type ServiceGuard } from '../../src/pull/guard-service.js';
import { holdOpen, release } from '../support/holders.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'lm-service-'));
});
afterEach(() => rmSync(root, { recursive: true }));
afterEach(release);

const guard = (more: Partial<ServiceGuard> = {}): ServiceGuard => ({
  roots: [{ path: root }],
  ports: [],
  cassandra: false,
  hasPreCheck: false,
  allowRunning: false,
  ...more,
});

/** The interfaces that have an IPv6 address; none where it is switched off. */
const hasIpv6 = existsSync('/proc/net/if_inet6') && readFileSync('/proc/net/if_inet6', 'utf8') !== '';

const refused = (message: string) =>
  expect.objectContaining({ code: 'refused', message: expect.stringContaining(message) });

describe('a listener on a port of the service', () => {
  let server: Server;
  const listen = (host: string): Promise<number> =>
    new Promise((resolve, reject) => {
      server = createServer().once('error', reject);
      server.listen(0, host, () => resolve((server.address() as AddressInfo).port));
    });
  const close = () => new Promise((resolve) => server.close(resolve));

  test.each([
    ['127.0.0.1', '127.0.0.1'],
    ['127.9.8.7', '127.9.8.7'], // nothing answers on loopback proper
    ...(hasIpv6 ? [['::', '[::]'] as const] : []),
  ])('at %s is found, and no longer once it is gone', async (host, shown) => {
    const port = await listen(host);
    await expect(inspectService(guard({ ports: [port] }))).rejects.toEqual(refused(`listens on ${shown}:${port}`));
    await close();
    await inspectService(guard({ ports: [port] }));
  });

  test('is ignored when told so, aloud', async () => {
    const port = await listen('127.0.0.1');
    expect(await inspectService(guard({ ports: [port], allowRunning: true }))).toEqual([
      expect.stringContaining('--allow-running'),
    ]);
    await close();
  });
});

test('a process with a file open under a root is refused by name', async () => {
  const pid = await holdOpen(join(root, 'x'));
  await expect(inspectService(guard())).rejects.toEqual(refused(`(pid ${pid}) has ${root}/x open`));
  await release();
  await inspectService(guard());
});

describe('processes that cannot be looked into', () => {
  const open: OpenFiles = { holders: [], uninspected: [{ pid: 812, command: 'ja\nva' }] };

  test.each([
    [{ cassandra: true }, 'refused'],
    [{ cassandra: true, ports: [9042] }, 'warned'],
    [{ cassandra: true, hasPreCheck: true }, 'warned'],
    [{ cassandra: false }, 'warned'],
  ])('%j: %s', (more, result) => {
    const judge = () => judgeOpenFiles(open, guard(more));
    const text = 'could not look into 1 process: ja\\nva (pid 812)';
    if (result === 'warned') expect(judge()).toEqual([text]);
    else expect(judge).toThrow(refused(text));
  });

  test('are counted beyond the first ten', () => {
    const uninspected = Array.from({ length: 12 }, (_, i) => ({ pid: i + 1, command: 'sh' }));
    expect(judgeOpenFiles({ holders: [], uninspected }, guard())[0]).toMatch(
      /^could not look into 12 .*\(pid 10\) and 2 more$/,
    );
  });

  test('never hide a holder that was seen', () => {
    const holder = { pid: 7, command: 'java', path: '/d/x', access: 'read' } as const;
    expect(() => judgeOpenFiles({ ...open, holders: [holder] }, guard({ ports: [9042] }))).toThrow(
      refused('java (pid 7)'),
    );
  });
});
