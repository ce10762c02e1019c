import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { inspectService, judgeOpenFiles, type ServiceGuard } from '../../src/guards/guard-service.js';
import { findOpenFiles, type OpenFiles } from '../../src/linux/open-files.js';
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

/** A port of which no address is known. */
const anywhere = (port: number) => ({ name: '--guard-port', port, addresses: undefined });

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
    await expect(inspectService(guard({ ports: [anywhere(port)] }))).rejects.toEqual(
      refused(`listens on ${shown}:${port}`),
    );
    await close();
    await inspectService(guard({ ports: [anywhere(port)] }));
  });

  test('is ignored with --allow-running, with a warning', async () => {
    const port = await listen('127.0.0.1');
    expect(await inspectService(guard({ ports: [anywhere(port)], allowRunning: true }))).toEqual([
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

describe('a listener that is not where the service would be', () => {
  const servers: Server[] = [];
  afterEach(() => Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve)))));

  /** Listens on `host`, at the port of the first that was asked for. */
  async function listen(host: string): Promise<number> {
    const server = createServer();
    servers.push(server);
    const [first] = servers.length > 1 ? [servers[0]!.address() as AddressInfo] : [];
    await new Promise((resolve, reject) =>
      server.once('error', reject).listen(first?.port ?? 0, host, () => resolve(0)),
    );
    return (server.address() as AddressInfo).port;
  }

  test('is reported as another service when every process was inspected, and refused like any other when not', async () => {
    const port = await listen('127.0.0.2');
    const ports = [{ name: 'storage_port', port, addresses: ['127.0.0.3'] }];
    const { isComplete } = await findOpenFiles([root]);
    const result = await inspectService(guard({ ports })).catch((error: unknown) => error);
    if (!isComplete) return expect(result).toEqual(refused(`something listens on 127.0.0.2:${port}`));
    expect(result).toContainEqual(
      expect.stringMatching(
        `\\(pid ${process.pid}\\) listens on 127\\.0\\.0\\.2:${port}: taken for another service than this one \\(storage_port\\)$`,
      ),
    );
    await listen('127.0.0.3');
    await expect(inspectService(guard({ ports }))).rejects.toEqual(
      expect.objectContaining({
        message: expect.stringContaining(`listens on 127.0.0.3:${port}`),
        details: [expect.stringMatching(`\\(pid ${process.pid}\\) listens on .* that is the address of storage_port$`)],
      }),
    );
  });

  (hasIpv6 ? test : test.skip)('bound in IPv6 form to an IPv4 address is shown, and known, as the latter', async () => {
    const port = await listen('::ffff:127.0.0.2');
    const ports = [{ name: 'native_transport_port', port, addresses: ['127.0.0.2'] }];
    const found = await inspectService(guard({ ports })).catch((error: unknown) => error);
    expect(found).toEqual(refused(`listens on 127.0.0.2:${port}`));
  });
});

describe('processes that cannot be inspected', () => {
  const open: OpenFiles = {
    holders: [],
    uninspected: [{ pid: 812, command: 'ja\nva' }],
    hidden: [],
    isComplete: false,
  };

  test.each([
    [{ cassandra: true }, 'refused'],
    [{ cassandra: true, ports: [anywhere(9042)] }, 'warned'],
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
    expect(judgeOpenFiles({ ...open, uninspected }, guard())[0]).toMatch(
      /^could not look into 12 .*\(pid 10\) and 2 more$/,
    );
  });

  test.each([
    ['pid-namespace', /^could not look into processes outside the PID namespace of lm/],
    ['hidepid', /^could not look into processes that the hidepid option of \/proc hides$/],
  ] as const)('nor counted: %s', (hiding, text) => {
    const hidden = { ...open, uninspected: [], hidden: [hiding] };
    expect(judgeOpenFiles(hidden, guard())).toEqual([expect.stringMatching(text)]);
    expect(() => judgeOpenFiles(hidden, guard({ cassandra: true }))).toThrow(refused('cannot tell whether'));
    expect(judgeOpenFiles(hidden, guard({ cassandra: true, ports: [anywhere(9042)] }))).toHaveLength(1);
    expect(judgeOpenFiles(hidden, guard({ cassandra: true, hasPreCheck: true }))).toHaveLength(1);
  });

  test('where no service is expected are named, and not refused', () => {
    const init = { ...open, uninspected: [{ pid: 1, command: 'init' }], isComplete: true };
    expect(judgeOpenFiles(init, guard({ cassandra: true }))).toEqual(['could not look into 1 process: init (pid 1)']);
  });

  test('never hide a holder that was seen', () => {
    const holder = { pid: 7, command: 'java', path: '/d/x', access: 'read' } as const;
    expect(() => judgeOpenFiles({ ...open, holders: [holder] }, guard({ ports: [anywhere(9042)] }))).toThrow(
      refused('java (pid 7)'),
    );
  });
});
