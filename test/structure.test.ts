// The house plan, read from the imports of src: who may know whom, and which file alone knows a library.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';

const SRC = fileURLToPath(new URL('../src', import.meta.url));

/** Each layer, from the top, and the layers it may import beside its own. `leaf`: nouns that anyone above `files` may use. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  main: ['cli', 'commands', 'settings', 'leaf', 'errors'],
  cli: ['settings', 'leaf', 'errors'],
  commands: [
    ...['serve', 'copy', 'verify', 'complete', 'demo', 'migration'],
    ...['state', 'render', 'settings', 'files', 'leaf', 'errors'],
  ],
  serve: ['pull', 'agent', 'state', 'render', 'settings', 'wire', 'files', 'leaf', 'errors'],
  complete: ['copy', 'verify', 'migration', 'pull', 'state', 'render', 'settings', 'wire', 'files', 'leaf', 'errors'],
  demo: ['render', 'files', 'leaf', 'errors'],
  copy: ['migration', 'pull', 'state', 'settings', 'wire', 'files', 'leaf', 'errors'],
  verify: ['migration', 'pull', 'state', 'settings', 'wire', 'files', 'leaf', 'errors'],
  migration: ['pull', 'state', 'settings', 'files', 'leaf', 'errors'],
  pull: ['wire', 'files', 'leaf', 'errors'],
  agent: ['wire', 'files', 'leaf', 'errors'],
  state: ['files', 'leaf', 'errors'],
  render: ['files', 'leaf', 'errors'],
  settings: ['files', 'leaf', 'errors'],
  wire: ['files', 'errors'],
  leaf: ['files', 'errors'],
  files: ['errors'],
  errors: [],
};

/** The layer of a file that stands at the top of src; of every other it is the directory. */
const TOP: Record<string, string> = {
  'main.ts': 'main',
  'signals.ts': 'main',
  'cli.ts': 'cli',
  'command-table.ts': 'cli',
  'help.ts': 'cli',
  'settings.ts': 'settings',
  'address-space.ts': 'leaf',
  'amounts.ts': 'leaf',
  'errors.ts': 'errors',
  'events.ts': 'leaf',
  'report.ts': 'leaf',
  'exit-codes.ts': 'leaf',
  'io.ts': 'leaf',
  'last-error.ts': 'leaf',
};

const FENCES: Record<string, readonly string[]> = {
  commander: ['cli.ts', 'help.ts'],
  undici: ['pull/http-client.ts'],
  'p-queue': ['pull/transfer.ts', 'verify/verify.ts'],
  'hash-wasm': ['files/hash-wasm.ts'],
  micromatch: ['files/java-glob.ts', 'files/shell-glob.ts'],
  chalk: ['render/text.ts'],
  'cli-progress': ['render/text.ts'],
  yaml: ['settings/yaml.ts'],
  zod: [
    ...['settings/cassandra-yaml.ts', 'settings/file.ts', 'wire/listing.ts', 'wire/messages.ts'],
    ...filesOf('state'),
  ],
  'node:process': [
    // What is asked of the kernel, never the arguments, the environment or the way out: those are main's.
    ...['agent/access-log.ts', 'commands/this-user.ts'], // geteuid, umask
    ...[
      'files/shell-command.ts',
      'state/lock.ts',
      'state/lock-holder.ts',
      'wire/rate.ts',
      'files/dirfd.ts',
      'files/if-there.ts',
      'files/listing-size.ts',
      'files/trust.ts',
      'settings/in-clear.ts',
      'settings/secret.ts',
      'settings/this-host.ts',
      'state/agent-token.ts',
    ], // kill, pid, hrtime, platform, versions, geteuid
  ],
};

function filesOf(dir: string): string[] {
  return readdirSync(join(SRC, dir), { recursive: true, encoding: 'utf8' })
    .map((name) => normalize(join(dir, name)))
    .filter((name) => name.endsWith('.ts'));
}

const FILES = filesOf('.').map((path) => ({ path, text: readFileSync(join(SRC, path), 'utf8') }));

const IMPORT =
  /^(?:import|export)(?<type>\stype)?\s(?:[^;'"]*?\sfrom\s)?'(?<name>[^']+)'|\bimport\('(?<lazy>[^']+)'\)/gm;

const IMPORTS = FILES.flatMap(({ path, text }) =>
  [...text.matchAll(IMPORT)].map((match) => {
    const { type, name = '', lazy = name } = match.groups!;
    return {
      path,
      erased: type !== undefined,
      name: lazy.startsWith('.') ? `./${normalize(join(dirname(path), lazy)).replace(/\.js$/, '.ts')}` : lazy,
    };
  }),
);

/** What is imported for more than its types, which are gone when the program runs. */
const valuesOf = (from: string): string[] =>
  IMPORTS.filter(({ path, erased }) => path === from && !erased).map(({ name }) => name);

function layerOf(path: string): string {
  const [first, ...rest] = path.split('/');
  return rest.length > 0 ? first! : (TOP[first!] ?? `no layer for ${path}`);
}

test('the imports are read at all', () => {
  expect(IMPORTS).toContainEqual({ path: 'main.ts', name: './cli.ts', erased: false });
  expect(IMPORTS).toContainEqual({ path: 'main.ts', name: './io.ts', erased: true });
  expect(IMPORTS).toContainEqual({ path: 'main.ts', name: './commands/serve.ts', erased: false });
  expect(IMPORTS).toContainEqual({ path: 'pull/http-client.ts', name: 'undici', erased: false });
});

test('every file begins with its header', () => {
  expect(FILES.filter(({ text }) => !/^\/\/ \S/.test(text)).map(({ path }) => path)).toEqual([]);
});

test('imports point down only; copy and verify know both pull and state, which do not know one another', () => {
  const up = IMPORTS.filter(({ name }) => name.startsWith('./'))
    .map(({ path, name }) => ({ from: layerOf(path), to: layerOf(name.slice(2)), path, name }))
    .filter(({ from, to }) => from !== to && !MAY_IMPORT[from]?.includes(to))
    .map(({ path, name }) => `${path} imports ${name.slice(2)}`);
  expect(up).toEqual([]);
});

test('no two files import each other, by whatever detour', () => {
  const imported = new Map(FILES.map(({ path }) => [path, valuesOf(path)]));
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, way: string[]): void => {
    if (way.includes(path)) cycles.push([...way.slice(way.indexOf(path)), path].join(' → '));
    if (done.has(path) || way.includes(path)) return;
    for (const name of imported.get(path) ?? []) if (name.startsWith('./')) visit(name.slice(2), [...way, path]);
    done.add(path);
  };
  for (const { path } of FILES) visit(path, []);
  expect(cycles).toEqual([]);
});

test('what newer Node takes for absence, or forgets the error of, is asked of one file', () => {
  const users = FILES.filter(({ text }) => /throwIfNoEntry|\brmSync\b/.test(text)).map(({ path }) => path);
  expect(users).toEqual(['files/if-there.ts']);
});

describe('a library is known to its own files alone', () => {
  test.each(Object.entries(FENCES))('%s', (library, files) => {
    const outside = IMPORTS.filter(({ path, name }) => name === library && !files.includes(path));
    expect(outside).toEqual([]);
  });

  test('and there is none beside them', () => {
    const known = (name: string) => name.startsWith('./') || name.startsWith('node:') || name in FENCES;
    expect(IMPORTS.filter(({ name }) => !known(name))).toEqual([]);
  });

  test('the global process is known to two files', () => {
    const code = (text: string) => text.replaceAll(/\/\/.*$|\/\*[\s\S]*?\*\/|'[^'\n]*'|`[^`]*`/gm, '');
    const users = FILES.filter(({ text }) => /\bprocess\.\w/.test(code(text))).map(({ path }) => path);
    expect(users).toEqual(['main.ts', 'signals.ts']);
  });
});
