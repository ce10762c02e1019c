// The plain routes alone: an agent whose headers are hidden is a Sidecar to the client.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { sandbox } from '../support/sandbox.js';
import { asSidecarTells, dir, file, readTree } from '../support/tree.js';

const MIB = 1024 * 1024;

test('copy, an incremental copy and both verifications through the routes of a Sidecar', async () => {
  const { source, destination, proxy } = sandbox();
  const from = source.write('data', {
    ks: dir({
      't-0a1b': dir({
        'nb-1-big-Data.db': file({ size: 9 * MIB + 1 }),
        'nb-1-big-SAI+aa+GroupComplete.db': 'plus',
        empty: '',
        ...Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`f${i}`, `content ${i}`])),
      }),
      'empty-directory': dir({}),
    }),
  });
  const to = destination.write('data', {});
  const agent = await source.serve([from]);
  const between = await proxy(agent.url, { asSidecar: true });

  expect(await destination.lm(['copy', between.url, to, '--threshold', '0.95'])).toMatchObject({ code: 0 });
  execFileSync('sh', ['-ec', 'cd "$0/ks/t-0a1b"; rm f0; echo longer > f1; echo new > new', from]);
  expect(await destination.lm(['copy', '--threshold', '1.0'])).toMatchObject({ code: 0 });
  expect(asSidecarTells(await readTree(to))).toEqual(asSidecarTells(await readTree(from)));
  for (const algo of ['xxhash32', 'md5'])
    expect(await destination.lm(['verify', '--algo', algo])).toMatchObject({ code: 0, stderr: '' });
});

test('a digest a Sidecar does not know is refused, not guessed', async () => {
  const { source, destination, proxy } = sandbox();
  const agent = await source.serve([source.write('data', { a: 'a' })]);
  const between = await proxy(agent.url, { asSidecar: true });
  expect(await destination.lm(['copy', between.url, destination.write('data', {})])).toMatchObject({ code: 0 });
  const { code, stderr } = await destination.lm(['verify', '--algo', 'xxhash64']);
  expect([2, 7]).toContain(code);
  expect(stderr).toMatch(/xxhash64/);
});

test('an empty listing of a Sidecar never empties the destination', async () => {
  const { source, destination, proxy } = sandbox();
  const from = source.write('data', { a: 'a', b: 'b' });
  const to = destination.write('data', {});
  const agent = await source.serve([from]);
  const between = await proxy(agent.url, { asSidecar: true });
  expect(await destination.lm(['copy', between.url, to])).toMatchObject({ code: 0 });
  const before = await readTree(to);
  execFileSync('sh', ['-c', 'rm "$0"/*', from]);
  expect(await destination.lm(['copy', '--max-delete', '100%'])).toMatchObject({ code: 6 });
  expect(await readTree(to)).toEqual(before);
});

/** A Sidecar with these files below data/0, each found under its very name and no other; `asked` are the targets of requests. */
async function sidecarWith(files: Record<string, string>, defer: (cleanup: () => unknown) => void) {
  const asked: string[] = [];
  const P = '/api/v1/live-migration/files';
  const infos = Object.entries(files).map(([name, content]) => ({
    fileUrl: `${P}/data/0/${name}`,
    size: content.length,
    fileType: 'FILE',
    lastModifiedTime: 1_731_000_001_456,
  }));
  const totalSize = infos.reduce((sum, { size }) => sum + size, 0);
  const server = createServer(({ url = '' }, response) => {
    asked.push(url);
    const [path, algorithm] = url.split('?digestAlgorithm=');
    const content = files[path!.slice(`${P}/data/0/`.length)];
    response.setHeader('content-type', 'application/json');
    if (path!.endsWith('/status')) response.end('{"state":"NOT_COMPLETED","endTime":null}');
    else if (path === P) response.end(JSON.stringify({ files: infos, totalSize }));
    else if (content === undefined) response.writeHead(404).end('{"status":"Not Found"}');
    else if (algorithm === undefined) response.setHeader('content-length', content.length).end(content);
    else response.end(JSON.stringify({ digest: md5(content), digestAlgorithm: algorithm }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  defer(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const md5 = (text: string): string => createHash('md5').update(text).digest('base64');

test('names with escapes that a Sidecar serves as they stand are copied and verified', async () => {
  const { destination, defer } = sandbox();
  const files = { 'a%20b': 'space', 'a%2Bb': 'plus', '100%25': 'percent', 'a+b': 'raw' };
  const { url } = await sidecarWith(files, defer);
  const to = destination.write('data', {});
  expect(await destination.lm(['copy', url, to])).toMatchObject({ code: 0 });
  expect(Object.fromEntries(readdirSync(to).map((name) => [name, readFileSync(join(to, name), 'utf8')]))).toEqual(
    files,
  );
  expect(await destination.lm(['verify', '--algo', 'md5'])).toMatchObject({ code: 0 });
});

test('names that a Sidecar cannot serve are refused at once, all of them, unless they are excluded', async () => {
  const { destination, defer } = sandbox();
  const odd = Array.from({ length: 12 }, (_, i) => `no ${10 + i}`);
  const { url, asked } = await sidecarWith({ ...Object.fromEntries(odd.map((name) => [name, 'x'])), a: 'a' }, defer);
  const to = destination.write('data', {});
  const refused = await destination.lm(['copy', url, to]);
  expect(refused).toMatchObject({
    code: 6,
    stderr: expect.stringContaining('12 files whose names need percent-encoding'),
  });
  for (const name of odd.slice(0, 10)) expect(refused.stderr).toContain(`data/0/${name}\n`);
  expect(refused.stderr).toMatch(/and 2 more\nhint: rename or exclude them.*\nerror unusable-name \(6\): /);
  expect(asked.filter((target) => target.includes('/data/0/'))).toEqual([]);
  expect(asked.filter((target) => target.endsWith('/files'))).toHaveLength(1);
  expect(readdirSync(to)).toEqual([]);

  writeFileSync(destination.path('lm.yaml'), 'live_migration:\n  files_to_exclude: ["glob:**/no *"]\n');
  expect(await destination.lm(['copy', url, to])).toMatchObject({ code: 0 });
  expect(readdirSync(to)).toEqual(['a']);
});

test('a listing of 100,001 names, which has to be sorted on disk, is read by copy and by verify', async () => {
  const { destination, defer } = sandbox();
  const names = Array.from({ length: 100_001 }, (_, i) => `data/0/${(i * 7919) % 100_001}`);
  const about = { size: 0, fileType: 'FILE', lastModifiedTime: 1_731_000_001_456 };
  const files = names.map((key) => ({ fileUrl: `/api/v1/live-migration/files/${key}`, ...about }));
  const listing = JSON.stringify({ files, totalSize: 0 });
  const server = createServer(({ url }, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(url!.endsWith('/status') ? '{"state":"NOT_COMPLETED","endTime":null}' : listing);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  defer(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const to = destination.write('data', {});

  const planned = await destination.lm(['copy', url, to, '--dry-run', '--json']);
  expect(planned).toMatchObject({
    code: 3,
    stderr: expect.stringMatching(/^warning: .* is a Sidecar, which cannot tell/),
  });
  expect(planned.stdout).toMatch(/"type":"planned".*"totalFiles":100001,/);
  const verified = await destination.lm(['verify', url, to, '--quiet']);
  expect(verified).toMatchObject({ code: 4 });
  expect(verified.stdout).toMatch(/filesNotFoundAtDestination +100001$/m);
  const left = readdirSync(destination.stateDir, { recursive: true, encoding: 'utf8' });
  expect(left.filter((path) => /spool|listing/.test(path))).toEqual([]);
});
