// Which layer wins, and the errors for invalid values.
import { userInfo } from 'node:os';
import { describe, expect, jest, test } from '@jest/globals';
import { find, pick } from '../../src/settings/layers.js';
import { fileKeyOf, OPTION_NAMES, optionOf, variableOf } from '../../src/settings/options.js';
import { withRemembered } from '../../src/settings/resolve.js';
import { type Given, makeDirectory, refusalOf, state } from '../support/settings.js';

describe('precedence', () => {
  const all = {
    flags: { concurrency: '1' },
    env: { LM_CONCURRENCY: '2' },
    file: 'concurrency: 3\n',
  } satisfies Given;

  test.each([
    ['flag', all, { concurrency: '4' }, 1, '--concurrency'],
    ['environment', { ...all, flags: {} }, { concurrency: '4' }, 2, 'LM_CONCURRENCY'],
    ['file', { file: all.file }, { concurrency: '4' }, 3, 'lm.yaml:1'],
    ['remembered', {}, { concurrency: '4' }, 4, 'the first copy'],
    ['default', {}, {}, 10, 'default'],
  ])('%s', async (source, given, remembered, value, where) => {
    const { layers } = await state(given);
    const found = find(withRemembered(layers, remembered), 'concurrency');
    expect(found).toMatchObject({ value, origin: { source, where: expect.stringMatching(`${where}$`) } });
  });

  test('--config beats LM_CONFIG beats ./lm.yaml', async () => {
    const cwd = makeDirectory({
      'flag.yaml': 'concurrency: 1',
      'variable.yaml': 'concurrency: 2',
      'lm.yaml': 'concurrency: 3',
    });
    const env = { LM_CONFIG: 'variable.yaml' };
    const chosen = async (given: Given) => pick((await state({ cwd, ...given })).layers, 'concurrency');
    expect(await chosen({ env, flags: { config: 'flag.yaml' } })).toBe(1);
    expect(await chosen({ env })).toBe(2);
    expect(await chosen({})).toBe(3);
  });

  test('an empty variable counts as unset', async () => {
    expect(find((await state({ env: { LM_THRESHOLD: '' } })).layers, 'threshold')?.origin.source).toBe('default');
  });

  test("a key without a value counts as absent, in the Sidecar's block too", async () => {
    const { layers, migration } = await state({
      file: 'threshold:\nroots:\nlive_migration:\n  dirs_to_exclude:\n  migration_map:\n',
    });
    expect(pick(layers, 'threshold')).toBe(1);
    expect(pick(layers, 'dirs-to-exclude')).toHaveLength(1);
    expect(migration).toBeUndefined();
  });

  test('an empty list in the file counts as stated: nothing is excluded', async () => {
    const { layers } = await state({ file: 'live_migration: {dirs_to_exclude: []}' });
    expect(pick(layers, 'dirs-to-exclude')).toEqual([]);
  });
});

describe('values', () => {
  test('lists: repeated flags, commas in the environment, lists or single values in the file', async () => {
    const ports = async (given: Given) => pick((await state(given)).layers, 'guard-port');
    expect(await ports({ flags: { 'guard-port': ['9042', '7199'] } })).toEqual([9042, 7199]);
    expect(await ports({ env: { LM_GUARD_PORT: '9042, 7199' } })).toEqual([9042, 7199]);
    expect(await ports({ file: 'guard_port: [9042, 7199]' })).toEqual([9042, 7199]);
    expect(await ports({ file: 'guard_port: 9042' })).toEqual([9042]);
    expect(await ports({})).toEqual([]);
  });

  test('relative paths start at the cwd in flags and variables, and at the directory of the file in the file', async () => {
    const cwd = makeDirectory();
    const elsewhere = makeDirectory({ 'my.yaml': 'token_file: from-file\nroots: {data: d}' });
    const flags = { config: `${elsewhere}/my.yaml`, report: 'from-flag' };
    const { layers } = await state({ cwd, flags, env: { LM_CA_CERT: 'from-variable' } });
    expect(pick(layers, 'token-file')).toBe(`${elsewhere}/from-file`);
    expect(pick(layers, 'root')).toEqual([{ type: 'data', path: `${elsewhere}/d` }]);
    expect(pick(layers, 'report')).toBe(`${cwd}/from-flag`);
    expect(pick(layers, 'ca-cert')).toBe(`${cwd}/from-variable`);
  });

  test('the state directory: LM_STATE_DIR, else XDG_STATE_HOME when absolute, else the home directory', async () => {
    const dir = async (env: Record<string, string>) => pick((await state({ env })).layers, 'state-dir');
    expect(await dir({ LM_STATE_DIR: '/s', XDG_STATE_HOME: '/x', HOME: '/h' })).toBe('/s');
    expect(await dir({ XDG_STATE_HOME: '/x', HOME: '/h' })).toBe('/x/lm');
    expect(await dir({ XDG_STATE_HOME: 'x', HOME: '/h' })).toBe('/h/.local/state/lm');
    expect(await dir({ HOME: '/h' })).toBe('/h/.local/state/lm');
    for (const HOME of ['', 'h']) expect(await dir({ HOME })).toBe(`${userInfo().homedir}/.local/state/lm`);
  });

  test('the block of a sidecar.yaml is accepted unchanged', async () => {
    const { layers } = await state({
      file: `live_migration:
  files_to_exclude: ["glob:\${COMMITLOG_DIR}/*.log"]
  dirs_to_exclude:
    - glob:\${DATA_FILE_DIR}/*/*/snapshots
    - regex:.*/backups
  migration_map: {}
  max_concurrent_file_requests: 7
`,
    });
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a placeholder of the Sidecar's
    expect(pick(layers, 'files-to-exclude')).toEqual(['glob:${COMMITLOG_DIR}/*.log']);
    expect(pick(layers, 'dirs-to-exclude')).toHaveLength(2);
    expect(pick(layers, 'max-concurrent-file-requests')).toBe(7);
  });
});

describe('errors name the option, its location, what it got and what it takes', () => {
  const refused = (given: Given) => refusalOf(() => state(given));

  test.each<[string, Given, string, string | null]>([
    [
      'a flag',
      { flags: { threshold: '95' } },
      "--threshold: got '95', takes a number from 0 to 1, or a percentage",
      'did you mean 0.95 (or 95%)?',
    ],
    [
      'a variable',
      { env: { LM_LIMIT_RATE: '200' } },
      "LM_LIMIT_RATE: got '200', takes a rate, such as 200MiB/s or 1Gbit/s, off, or a timetable, such as 08:00-18:00=50MiB/s, else 400MiB/s",
      'did you mean 200MiB/s?',
    ],
    [
      'the file',
      { file: '\n# comment\nmax_delete: half\n' },
      "max_delete (DIR/lm.yaml:3): got 'half', takes a percentage (50%) or a number of entries (1000)",
      null,
    ],
    [
      'a key of the Sidecar block',
      { file: 'live_migration:\n  max_concurrent_file_requests: 0\n' },
      "live_migration.max_concurrent_file_requests (DIR/lm.yaml:2): got '0', takes a whole number, 1 or more",
      null,
    ],
    [
      'a pattern without its syntax',
      { file: 'live_migration:\n  files_to_exclude: ["*.tmp"]' },
      "live_migration.files_to_exclude (DIR/lm.yaml:2): got '*.tmp', takes a pattern that begins with 'glob:' or 'regex:'",
      'did you mean glob:*.tmp?',
    ],
    [
      'a duration without unit',
      { flags: { 'expire-after': '30' } },
      "--expire-after: got '30', takes a time with its unit, such as 30s, 5m or 2h",
      'did you mean 30s?',
    ],
    ['an unknown choice', { env: { LM_DIFF: 'date' } }, "LM_DIFF: got 'date', takes mtime, size or checksum", null],
    [
      'a switch that is no switch',
      { env: { LM_DRY_RUN: 'maybe' } },
      "LM_DRY_RUN: got 'maybe', takes true or false",
      null,
    ],
    [
      'a URL without scheme',
      { flags: { url: 'source:9043' } },
      "URL: got 'source:9043', takes http://HOST:PORT or https://HOST:PORT, nothing more, or the whole path of a directory",
      'did you mean http://source:9043?',
    ],
    [
      'a host alone',
      { env: { LM_URL: 'source' } },
      "LM_URL: got 'source', takes http://HOST:PORT or https://HOST:PORT, nothing more, or the whole path of a directory",
      'did you mean http://source:9043?',
    ],
    [
      'a URL with a secret',
      { flags: { url: 'http://me:secret@source:9043' } },
      "URL: got 'http://…@source:9043', takes http://HOST:PORT or https://HOST:PORT, nothing more, or the whole path of a directory",
      'a token stands in a file of its own: --token-file FILE',
    ],
    [
      'a source directory by a part of its path',
      { flags: { url: './old' } },
      "URL: got './old', takes http://HOST:PORT or https://HOST:PORT, nothing more, or the whole path of a directory",
      'a directory is named by its whole path, such as /mnt/old',
    ],
    [
      'a root without type',
      { flags: { root: ['/data'] } },
      "--root: got '/data', takes TYPE=DIR where TYPE is one of hints, commitlog, saved_caches, cdc_raw, local_system_data, data",
      'did you mean data=/data?',
    ],
    [
      'a tilde nobody expanded',
      { flags: { 'token-file': '~/token' } },
      "--token-file: got '~/token', takes a path (a leading ~ is for the shell to expand)",
      null,
    ],
    [
      'a dash for a file to write',
      { command: 'report', flags: { manifest: '-' } },
      "--manifest: got '-', takes a path (a leading ~ is for the shell to expand)",
      'did you mean ./-?',
    ],
    [
      'a prefix that is a path',
      { flags: { only: '/data/0' } },
      "--only: got '/data/0', takes TYPE/INDEX, or a path below it such as data/0/keyspace",
      null,
    ],
    [
      'a prefix that climbs',
      { flags: { only: 'data/0/../1' } },
      "--only: got 'data/0/../1', takes TYPE/INDEX, or a path below it such as data/0/keyspace",
      null,
    ],
    [
      'a list where one is due',
      { file: 'threshold: [1, 0.5]' },
      'threshold (DIR/lm.yaml:1): got a list of 2, takes a number from 0 to 1, or a percentage',
      null,
    ],
    [
      'a mapping where a word is due',
      { file: 'threshold: {a: b}' },
      'threshold (DIR/lm.yaml:1): got a mapping, takes a value or a list of values',
      null,
    ],
    ['a file that is no mapping', { file: '- 1' }, 'DIR/lm.yaml:1: got a list, takes a mapping of settings', null],
    ['a control character', { env: { LM_DIFF: 'a\nb' } }, "LM_DIFF: got 'a\\nb', takes mtime, size or checksum", null],
  ])('%s', async (_, given, message, hint) => {
    expect(await refused(given)).toEqual({ code: 'usage', message, ...(hint === null ? {} : { hint }) });
  });

  test.each<[string, Given, string, string]>([
    [
      'a typo',
      { file: 'threshold: 1\ntreshold: 1\n' },
      'treshold (DIR/lm.yaml:2): unknown key',
      'did you mean threshold?',
    ],
    ['a flag name', { file: 'max-delete: 1' }, 'max-delete (DIR/lm.yaml:1): unknown key', 'did you mean max_delete?'],
    [
      'a key outside its block',
      { file: 'dirs_to_exclude: []' },
      'dirs_to_exclude (DIR/lm.yaml:1): unknown key',
      'did you mean live_migration.dirs_to_exclude?',
    ],
    [
      'a typo in the block',
      { file: 'live_migration:\n  migration_mop: {}' },
      'live_migration.migration_mop (DIR/lm.yaml:2): unknown key',
      'did you mean live_migration.migration_map?',
    ],
    ['a directory type', { file: 'roots:\n  dat: /x' }, 'roots.dat (DIR/lm.yaml:2): unknown key', 'did you mean data?'],
    [
      'a key of nobody',
      { file: 'colour_of_sky: blue' },
      'colour_of_sky (DIR/lm.yaml:1): unknown key',
      'keys are flag names with _ for -, roots and live_migration',
    ],
    [
      'the file in itself',
      { file: 'config: x' },
      'config (DIR/lm.yaml:1): unknown key',
      'keys are flag names with _ for -, roots and live_migration',
    ],
    [
      'a variable like ours',
      { env: { LM_TRESHOLD: '1' } },
      'LM_TRESHOLD: unknown variable',
      'did you mean LM_THRESHOLD?',
    ],
  ])('unknown: %s', async (_, given, message, hint) => {
    expect(await refused(given)).toEqual({ code: 'usage', message, hint });
  });

  test('variables of other programs, and those that lm sets for a pre-check, are ignored', async () => {
    const env = {
      LM_LICENSE_FILE: '1',
      LM_STUDIO: 'x',
      LM_ROOTS: '{}',
      LM_SOURCE: 's',
      LM_PORT: '1',
      LM_ITERATION: '0',
    };
    await expect(state({ env })).resolves.toBeDefined();
  });

  test('invalid YAML, with its line', async () => {
    expect(await refused({ file: 'json: true\njson: false\n' })).toMatchObject({
      message: 'DIR/lm.yaml:2: not valid YAML: map keys must be unique',
    });
    expect((await refused({ file: 'a: [1\nb: 2' })).message).toMatch(/^DIR\/lm\.yaml:\d: not valid YAML: /);
  });

  test('a list as a key gives one line, without a warning of the parser', async () => {
    const warned = jest.spyOn(process, 'emitWarning').mockReturnValue(undefined);
    expect((await refused({ file: '? [a, b]\n: 1\n' })).message).toBe('[ a, b ] (DIR/lm.yaml:1): unknown key');
    expect(warned).not.toHaveBeenCalled();
    warned.mockRestore();
  });

  test('a settings file that was named must exist, and must not be a directory', async () => {
    expect((await refused({ flags: { config: '/nowhere/lm.yaml' } })).message).toBe(
      '--config: no file /nowhere/lm.yaml',
    );
    expect((await refused({ env: { LM_CONFIG: '/' } })).message).toBe('cannot read /: EISDIR');
  });

  test('DIR beside --root', async () => {
    expect((await refused({ dir: '/a', flags: { root: ['data=/b'] } })).message).toBe('DIR and --root were both given');
  });
});

test('every option has its own flag, variable and key, and a default that its type can parse', () => {
  const unique = (names: (string | undefined)[]) => {
    const known = names.filter((name) => name !== undefined);
    expect(new Set(known).size).toBe(known.length);
  };
  unique(OPTION_NAMES.map(variableOf));
  unique(OPTION_NAMES.map(fileKeyOf));
  for (const name of OPTION_NAMES) {
    const { type, default: value } = optionOf(name);
    if (value !== undefined) expect([name, type.parse(value, '/')]).not.toContain(undefined);
  }
});
