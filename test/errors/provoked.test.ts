// Provokes errors whose kind no other test asserts, each where it is thrown, and sees what the last lines say of them.

import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { watchRoots } from '../../src/agent/root-watch.js';
import type { ErrorKind } from '../../src/errors/kinds.js';
import { LmError } from '../../src/errors.js';
import { checkName } from '../../src/files/roots.js';
import { type ReportContext, reportError } from '../../src/last-error.js';
import { syncFileSystems } from '../../src/linux/sync-file-systems.js';
import { type NameRule, parseOwnerRule } from '../../src/owners/owner-rules.js';
import type { CommandName } from '../../src/settings/options.js';
import { resolve } from '../../src/settings/resolve.js';
import { readSecret, readToken } from '../../src/settings/values/secret.js';
import { resolveRules } from '../../src/sides/owner-rules.js';
import { verify } from '../../src/verify/verify.js';
import { sandbox } from '../support/sandbox.js';
import { type Given, makeDirectory, state } from '../support/settings.js';

const settings = async (command: CommandName, given: Given): Promise<unknown> =>
  resolve(command, await state({ command, ...given }));

const URL = { url: 'http://source:9043' };
const MAP = 'live_migration:\n  migration_map: { 10.0.0.1: 10.0.0.2, node3: node4 }\n';

const inFile = (text: string, mode: number): string => {
  const path = join(makeDirectory(), 'file');
  writeFileSync(path, text, { mode });
  return path;
};

/** A directory that is replaced after the agent has looked at it. */
function lostRoot(): unknown {
  const path = join(makeDirectory(), 'data');
  mkdirSync(path);
  const look = watchRoots([{ key: 'data/0', type: 'data', index: 0, path }], [path]);
  renameSync(path, `${path}-away`);
  return look();
}

/** sync(1) opens what it is to sync, and a socket cannot be opened. */
async function unsyncable(): Promise<void> {
  const path = join(makeDirectory(), 'socket');
  const server = createServer().listen(path);
  try {
    await syncFileSystems([{ key: 'data/0', type: 'data', index: 0, path }]);
  } finally {
    server.close();
  }
}

test.each<[ErrorKind, () => unknown]>([
  ['unknown-setting', () => state({ env: { LM_TRESHOLD: '1' } })],
  [
    'settings-conflict',
    () => settings('copy', { dir: '/d', flags: { url: 'https://source:9043', 'client-cert': 'c' } }),
  ],
  ['settings-file', () => state({ file: 'json: true\njson: false\n' })],
  ['not-trusted', () => readSecret(inFile('x', 0o644))],
  ['token-file', () => readToken(inFile('short', 0o600))],
  ['no-source', () => settings('copy', { dir: '/d' })],
  ['no-directory', () => settings('copy', { flags: URL })],
  [
    'cassandra-default',
    () =>
      settings('serve', {
        cwd: makeDirectory({ 'c.yaml': 'cluster_name: x\n' }),
        flags: { 'cassandra-yaml': 'c.yaml' },
      }),
  ],
  ['which-host', () => settings('status', { file: MAP, names: ['10.0.0.1', 'node3'] })],
  ['migration-map', () => settings('copy', { file: MAP, names: ['stranger'] })],
  ['open-listen', () => settings('serve', { dir: '/d', flags: { listen: '0.0.0.0:1' } })],
  ['algorithm', () => verify({ source: { url: 'http://s', algorithms: ['md5'] }, algorithm: 'xxhash64' } as never)],
  [
    'owner-rule',
    () =>
      resolveRules([parseOwnerRule('a=nobody-here') as NameRule], { idsOf: async () => ({ ids: new Map() }) } as never),
  ],
  ['root-lost', lostRoot],
  ['unsafe-path', () => checkName('..', 'data/0')],
  ['not-synced', unsyncable],
])('%s', async (kind, attempt) => {
  const error = await (async () => attempt())().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(LmError);
  expect(error).toMatchObject({ kind });
});

test('from the command line, the last lines say what to do, of which kind the error is, and what is kept', async () => {
  const { destination } = sandbox();
  const to = destination.path('nowhere');
  expect(await destination.lm(['verify', 'http://127.0.0.1:1', to])).toMatchObject({
    code: 6,
    stderr:
      `lm verify: ${to} does not exist: there is nothing to verify\n` +
      'hint: is its disk mounted? if nothing has been copied yet: lm copy\n' +
      'error nothing-to-verify (6): a verification changes nothing\n',
  });
  const unknown = await destination.lm(['report']);
  expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining('\nerror which-migration (2): ') });
});

describe('the report of an error', () => {
  const reported = (error: unknown, context: Partial<ReportContext> = {}) => {
    const said = { stdout: '', stderr: '' };
    const stream = (name: keyof typeof said) => {
      const write = (text: string): void => {
        said[name] += text;
      };
      return { write } as never;
    };
    const io = { stdout: stream('stdout'), stderr: stream('stderr') };
    const code = reportError(error, { prefix: 'lm copy', json: false, run: null, source: null, ...context }, io);
    return { code, ...said };
  };

  test('has a next step from the table where the error has none of its own', () => {
    expect(reported(new LmError('other-version', 'they differ')).stderr).toBe(
      'lm copy: they differ\n' +
        'hint: run the same version of lm on both hosts\n' +
        'error other-version (7): what was copied is kept\n',
    );
  });

  test('says once what is kept', () => {
    const hint = 'run the same command again; what was copied is kept';
    expect(reported(new LmError('source-unreachable', 'gone', { hint })).stderr).toBe(
      `lm copy: gone\nhint: ${hint}\nerror source-unreachable (5)\n`,
    );
  });

  test('names the source of an error of the source, unless it does so itself', () => {
    const source = 'https://old:9043';
    const line = `  the source is ${source}\n`;
    expect(reported(new LmError('protocol', 'a line is too long'), { source }).stderr).toContain(line);
    expect(reported(new LmError('cut-answer', `${source}: cut`), { source }).stderr).not.toContain(line);
    expect(reported(new LmError('no-space', 'full'), { source }).stderr).not.toContain(line);
  });

  test('is in JSON with the same', () => {
    const { stdout } = reported(new LmError('max-delete', 'too much'), { json: true });
    expect(JSON.parse(stdout.split('\n')[0]!)).toMatchObject({
      ...{ type: 'error', code: 'refused', kind: 'max-delete', exitCode: 6 },
      hint: expect.stringContaining('lm copy --dry-run'),
      kept: expect.stringContaining('what was copied is kept'),
    });
  });
});
