// The house plan, read from the imports of src: which room may know which, and which file alone knows a library.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';

const SRC = fileURLToPath(new URL('../src', import.meta.url));

/** From the top; a room may know those on lower floors, not its neighbours. `leaf`: the nouns at the top of src. */
const FLOORS: readonly (readonly string[])[] = [
  ['main'],
  ['cli', 'commands'],
  ['complete', 'demo', 'doctor', 'evidence'],
  ['serve'],
  ['tasks'],
  ['copy', 'verify'],
  ['migration'],
  ['guards', 'removals', 'sides', 'transfer'],
  ['plan'],
  ['source'],
  ['agent', 'spool'],
  ['reading'],
  ['listing', 'metrics', 'state'],
  ['settings', 'wire', 'disk'],
  ['trust', 'digest', 'render'],
  ['advice'],
  ['leaf', 'linux', 'patterns', 'owners', 'forecast'],
  ['report'],
  ['pace'],
  ['files', 'threads'],
  ['syscalls'],
  ['errors'],
];

/** Rooms that not everybody above may know: what moves bytes knows no record, no setting and no screen. */
const KNOWN_TO: Record<string, readonly string[]> = {
  agent: ['serve'],
  state: ['commands', 'complete', 'doctor', 'evidence', 'serve', 'tasks', 'copy', 'verify', 'migration'],
  settings: ['main', 'cli', 'commands', 'complete', 'doctor', 'serve', 'tasks', 'copy', 'verify', 'migration'],
  render: ['commands', 'complete', 'demo', 'doctor', 'evidence', 'serve'],
};

/** More than one looks through at a glance. */
const MAX_FILES = 14;

/** What a file at the top of src belongs to; of every other it is the first directory. */
const TOP: Record<string, string> = {
  'main.ts': 'main',
  'signals.ts': 'main',
  'error-codes.ts': 'errors',
  'errors.ts': 'errors',
  'address-space.ts': 'leaf',
  'amounts.ts': 'leaf',
  'batches.ts': 'leaf',
  'events.ts': 'leaf',
  'exit-codes.ts': 'leaf',
  'io.ts': 'leaf',
  'last-error.ts': 'leaf',
  'permissions.ts': 'leaf',
  'version.ts': 'leaf',
};

const FENCES: Record<string, readonly string[]> = {
  commander: ['cli/parse.ts', 'cli/help.ts', 'cli/described.ts'],
  undici: ['source/http-client.ts', 'source/undici/parts.d.ts'],
  'undici/lib/api/api-request.js': ['source/undici/pool.ts'],
  'undici/lib/core/connect.js': ['source/undici/pool.ts'],
  'undici/lib/dispatcher/dispatcher.js': ['source/undici/pool.ts'],
  'undici/lib/dispatcher/pool.js': ['source/undici/pool.ts'],
  'p-queue': ['transfer/transfer.ts', 'verify/contents.ts'],
  'hash-wasm': ['digest/kernels/hash-wasm.ts'],
  micromatch: ['patterns/java-glob.ts', 'patterns/shell-glob.ts'],
  chalk: ['render/text.ts'],
  'cli-progress': ['render/text.ts'],
  'prom-client': ['metrics/registry.ts'],
  yaml: ['settings/values/yaml.ts'],
  zod: [
    ...[
      'settings/cassandra/cassandra-yaml.ts',
      'settings/file.ts',
      'listing/listing.ts',
      'wire/messages.ts',
      'wire/sidecar/task-messages.ts',
    ],
    ...filesOf('state'),
  ],
  'node:process': [
    // What is asked of the kernel, never the arguments, the environment or the way out: those are main's.
    ...['agent/access-log.ts', 'commands/this-user.ts', 'doctor/host.ts'], // geteuid, umask, version
    ...[
      'linux/shell-command.ts',
      'state/evidence/recorder.ts',
      'state/lock/lock.ts',
      'state/lock/lock-holder.ts',
      'pace/rate.ts',
      'disk/old-part.ts',
      'files/dirfd.ts',
      'files/if-there.ts',
      'listing/listing-size.ts',
      'metrics/family.ts',
      'trust/trust.ts',
      'settings/plaintext.ts',
      'settings/values/secret.ts',
      'settings/cassandra/this-host.ts',
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

const importsOf = (from: string): string[] => IMPORTS.filter(({ path }) => path === from).map(({ name }) => name);

function roomOf(path: string): string {
  const [first, ...rest] = path.split('/');
  return rest.length > 0 ? first! : (TOP[first!] ?? `no room for ${path}`);
}

const floorOf = (room: string): number => FLOORS.findIndex((rooms) => rooms.includes(room));

test('the imports are read at all', () => {
  expect(IMPORTS).toContainEqual({ path: 'main.ts', name: './cli/parse.ts', erased: false });
  expect(IMPORTS).toContainEqual({ path: 'main.ts', name: './io.ts', erased: true });
  expect(IMPORTS).toContainEqual({ path: 'main.ts', name: './commands/serve.ts', erased: false });
  expect(IMPORTS).toContainEqual({ path: 'source/http-client.ts', name: 'undici', erased: true });
});

test('what writes metrics is loaded where somebody asks for them, and by nobody else', () => {
  const eager = FILES.filter(({ text }) =>
    /^import (?!type\b).*'[^']*\/metrics\/(?!agent-metrics)[\w-]+\.js'/m.test(text),
  );
  expect(eager.map(({ path }) => path)).toEqual([]);
  expect(importsOf('serve/agent-exposure.ts')).toContain('./metrics/registry.ts');
});

test('every file begins with its header', () => {
  expect(FILES.filter(({ text }) => !/^\/\/ \S/.test(text)).map(({ path }) => path)).toEqual([]);
});

test('every file has a room on a floor', () => {
  expect(FILES.filter(({ path }) => floorOf(roomOf(path)) < 0).map(({ path }) => path)).toEqual([]);
});

test('imports point down only, those of types too', () => {
  const up = IMPORTS.filter(({ name }) => name.startsWith('./'))
    .map(({ path, name }) => ({ path, name: name.slice(2), from: roomOf(path), to: roomOf(name.slice(2)) }))
    .filter(({ from, to }) => from !== to && (floorOf(from) >= floorOf(to) || KNOWN_TO[to]?.includes(from) === false))
    .map(({ path, name }) => `${path} imports ${name}`);
  expect(up).toEqual([]);
});

test(`no room holds more than ${MAX_FILES} files side by side`, () => {
  const rooms = FILES.map(({ path }) => dirname(path));
  const full = [...new Set(rooms)].filter((room) => rooms.filter((other) => other === room).length > MAX_FILES);
  expect(full).toEqual([]);
});

test('every path that the map names is there', () => {
  const map = readFileSync(join(SRC, 'README.md'), 'utf8');
  const paths = [...map.matchAll(/`([a-z][\w./-]*\/[\w./-]*|[\w-]+\.(?:ts|js))`/g)].map(([, path]) => path!);
  const inPlan = new Set(['diff.ts', 'merge.ts', 'counts.ts']); // where the floor of `plan/` is described
  const made = /^(data\/0|dist\/)/; // keys, and what a build makes
  const gone = paths.filter(
    (path) =>
      !made.test(path) &&
      !existsSync(join(SRC, inPlan.has(path) ? 'plan' : '', path)) &&
      !existsSync(join(SRC, '..', path)),
  );
  expect(paths.length).toBeGreaterThan(100);
  expect(gone).toEqual([]);
});

test('no two files import each other, by whatever detour', () => {
  const imported = new Map(FILES.map(({ path }) => [path, importsOf(path)]));
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
