// Tokens and client certificates that may do some things and not others, at both ends.

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { type Host, sandbox } from '../support/sandbox.js';
import { asking, COPIES, isOver, P, poll, serveDestination } from '../support/tasks.js';
import { readTree } from '../support/tree.js';

const copying = { maxIterations: 1, successThreshold: 1, maxConcurrency: 8 };

function token(host: Host, name: string): string {
  writeFileSync(host.path(name), `a-token-that-may-${name}\n`, { mode: 0o600 });
  return host.path(name);
}

const bearing = (name: string): string[] => ['-H', `Authorization: Bearer a-token-that-may-${name}`];

const statusOf = async (answered: Promise<[number, unknown]>): Promise<number> => (await answered)[0];

test('with tokens reading, copying and starting tasks are apart, and one token for everything stays what it was', async () => {
  const { source, destination } = sandbox();
  const from = source.write('data', { a: 'a' });
  const served = await source.serve([
    from,
    '--token-file',
    token(source, 'all'),
    '--token-for',
    `list+copy=${token(source, 'copy')}`,
  ]);
  const settings = {
    ...{ url: served.url, roots: { data: destination.path('data') } },
    token_file: token(destination, 'copy'), // for the source
  };
  const args = ['list', 'manage', 'list+manage'].flatMap((name) => [
    '--token-for',
    `${name}=${token(destination, name)}`,
  ]);
  const { asked } = await serveDestination(destination, settings, [...args, '--token-file', token(destination, 'all')]);

  expect(await asked.get(COPIES)).toEqual([401, expect.objectContaining({ code: 401 })]);
  expect(await asked.post(COPIES, copying, ...bearing('list'))).toEqual([
    403,
    {
      ...{ status: 'Forbidden', code: 403 },
      message: "this takes the permission 'manage', which the token does not have",
    },
  ]);
  expect(await statusOf(asked.get(COPIES, ...bearing('manage')))).toBe(403);
  expect(await statusOf(asked.get(`${P}/files`, ...bearing('manage')))).toBe(403);
  for (const name of ['list', 'manage', 'list+manage', 'all'])
    expect(await statusOf(asked.get('/api/v1/__health', ...bearing(name)))).toBe(200);
  const [status, { statusUrl }] = await asked.post(COPIES, copying, ...bearing('manage'));
  expect(status).toBe(202);
  const withToken = { ...asked, get: (path: string) => asked.get(path, ...bearing('list')) };
  expect((await poll(withToken, statusUrl, isOver)).message).toBeUndefined();
  expect(await readTree(destination.path('data'))).toEqual(await readTree(from));

  const ofSource = asking(served.url);
  expect(await statusOf(ofSource.post(`${P}/status`, undefined, ...bearing('copy')))).toBe(403);
  expect(await statusOf(ofSource.post(`${P}/status`, undefined, ...bearing('all')))).toBe(200);
});

test('with client certificates too, by name', async () => {
  const { source, destination } = sandbox();
  const served = await source.serve([source.write('data', { a: 'a' })]);
  const at = (name: string): string => destination.path(name);
  const openssl = (...words: string[]) => execFileSync('openssl', words, { cwd: destination.dir, stdio: 'pipe' });
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...ec, '-subj', '/CN=authority', '-keyout', 'ca.key', '-out', 'ca.pem');
  for (const name of ['watcher', 'operator', 'stranger'])
    openssl(
      'req',
      '-x509',
      ...ec,
      '-subj',
      `/CN=${name}`,
      ...['-CA', 'ca.pem', '-CAkey', 'ca.key'],
      ...['-keyout', `${name}.key`, '-out', `${name}.pem`],
    );
  const grants = ['list=watcher', 'list+manage=operator'].flatMap((grant) => ['--client-for', grant]);
  const { asked } = await serveDestination(destination, { url: served.url, roots: { data: at('data') } }, [
    ...['--tls-auto', '--client-ca', at('ca.pem'), ...grants],
  ]);
  const as = (name: string): string[] => ['-k', '--cert', at(`${name}.pem`), '--key', at(`${name}.key`)];
  expect(await asked.get(COPIES, ...as('watcher'))).toEqual([200, []]);
  expect(await asked.post(COPIES, copying, ...as('watcher'))).toEqual([
    403,
    expect.objectContaining({
      message: "this takes the permission 'manage', which the client certificate does not have",
    }),
  ]);
  expect(await statusOf(asked.get(COPIES, ...as('stranger')))).toBe(403);
  expect(await statusOf(asked.post(COPIES, copying, ...as('operator')))).toBe(202);
});
