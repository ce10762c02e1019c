// Puts something that is no record in the place of one: each is refused at once in one line, and the target of a link stays as it is.

import { execFileSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

const LINES = 'inventory.00000000-0000-0000-0000-000000000000.lines';
const HEAD = { v: 1, run: 'r', final: false, within: [], file: LINES, bytes: 3, sum: '0'.repeat(16) };

/** All that reads or writes each file: the module, and what is called in it. */
const USES: Record<string, [module: string, call: string][]> = {
  'adoption.json': [['adoption', 'readAdoption(dir)']],
  'agent-id': [['identity/host', 'agentId(dir)']],
  'fidelity.json': [['fidelity', 'readFidelity(dir)']],
  'identity.json': [['identity/identity-file', 'readIdentities(dir)']],
  'inventory.json': [['journal/inventory', 'readInventory(dir, true)']],
  [LINES]: [['journal/inventory', 'readInventory(dir, true)']],
  'journal.jsonl': [
    ['journal/journal', 'readJournal(dir)'],
    ['journal/journal', 'openJournal(dir).close()'],
  ],
  'last-copy.json': [['last-run', 'readLastCopy(dir)']],
  'last-verify.json': [['last-run', 'readLastVerify(dir)']],
  'live_migration_status.json': [
    ['completion', 'readCompletion(dir)'],
    ['completion', 'completionWatcher(dir)()'],
    ['completion', 'markComplete(dir)'],
  ],
  'planned.jsonl': [
    ['journal/inventory', 'readPlanned(dir, "r").next()'],
    ['journal/inventory', 'recordPlanned(dir, "r", [])'],
  ],
  'reference.jsonl': [['journal/reference', 'readReference(dir)']],
  'remembered.json': [['remembered', 'readRemembered(dir)']],
  token: [['agent-token', 'holdToken(module.ensureTokenFile(dir), "t")']],
};

/** Each by what its line says. */
const ODD: Record<string, { put(path: string): unknown; says: RegExp }> = {
  'a pipe': { put: (path) => execFileSync('mkfifo', [path]), says: / is a pipe, takes a regular file$/ },
  'a socket': { put: listenAt, says: / is a socket, takes a regular file$/ },
  'a device': { put: (path) => symlinkSync('/dev/zero', path), says: / is a device, takes a regular file$/ },
  'a directory': { put: (path) => mkdirSync(path), says: /^cannot read .*: EISDIR$/ },
};

/** Of a file of somebody else's, which is no record: whoever takes it for a torn one cuts it off. */
const SECOND_NAMES: Record<string, (path: string, victim: string) => void> = {
  'a link': (path, victim) => symlinkSync(victim, path),
  'a second name': (path, victim) => linkSync(victim, path),
};

const servers: ReturnType<typeof createServer>[] = [];
let base: string;
beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'lm-odd-'));
});
afterAll(() => {
  for (const server of servers) server.close();
  rmSync(base, { recursive: true });
});

/** Paths of sockets are short, and a directory of its own may have a long one. */
async function listenAt(path: string): Promise<void> {
  const server = createServer();
  servers.push(server);
  const short = join(base, `s${servers.length}`);
  await new Promise<void>((done) => server.listen(short, done));
  linkSync(short, path);
}

const cases = Object.entries(USES).flatMap(([name, uses]) => uses.map(([module, call]) => ({ name, module, call })));

function directoryFor(name: string): string {
  const dir = mkdtempSync(join(base, 'd-'));
  if (name === LINES) writeFileSync(join(dir, 'inventory.json'), JSON.stringify(HEAD));
  return dir;
}

/** In a process of its own, so that one that waits is ended; the message of each error. */
function outcomes(calls: { dir: string; module: string; call: string }[]): (string | null)[] {
  const modules = fileURLToPath(new URL('../../dist/modules/state/', import.meta.url));
  const script = `for (const { dir, module: name, call } of ${JSON.stringify(calls)}) {
    const module = await import(${JSON.stringify(modules)} + name + '.js');
    let message = null;
    try { new Function('module', 'dir', 'return module.' + call)(module, dir); } catch (error) { message = error.message; }
    console.log(JSON.stringify(message));
  }`;
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', script], { timeout: 60_000 });
  return out
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

test.each(Object.keys(ODD))('%s in the place of a record', async (kind) => {
  const { put, says } = ODD[kind]!;
  const calls = cases.map((one) => ({ ...one, dir: directoryFor(one.name) }));
  for (const { dir, name } of calls) await put(join(dir, name));
  const said = outcomes(calls);
  expect(calls.map(({ name, call }, i) => [name, call, said[i]])).toEqual(
    calls.map(({ name, call }) => [name, call, expect.stringMatching(says)]),
  );
});

describe('of another user’s file', () => {
  test.each(Object.keys(SECOND_NAMES))('%s in the place of a record', (kind) => {
    const calls = cases.map((one) => ({ ...one, dir: directoryFor(one.name) }));
    const victims = calls.map(({ dir }) => `${dir}.victim`);
    calls.forEach(({ dir, name }, i) => {
      writeFileSync(victims[i]!, 'somebody else’s');
      SECOND_NAMES[kind]!(join(dir, name), victims[i]!);
    });
    outcomes(calls);
    expect(victims.map((victim) => readFileSync(victim, 'utf8'))).toEqual(victims.map(() => 'somebody else’s'));
  });

  test('a dangling link makes nothing, and is no absent record', () => {
    const calls = cases.map((one) => ({ ...one, dir: directoryFor(one.name) }));
    for (const { dir, name } of calls) symlinkSync(`${dir}.victim`, join(dir, name));
    const said = outcomes(calls);
    expect(calls.filter(({ dir }) => existsSync(`${dir}.victim`))).toEqual([]);
    const absent = calls.filter(({ name }, i) => name.endsWith('.json') && said[i] === null);
    expect(absent).toEqual([]);
  });
});
