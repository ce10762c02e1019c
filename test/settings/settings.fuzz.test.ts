import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readCassandraYaml } from '../../src/settings/cassandra/cassandra-yaml.js';
import { readSettingsFile } from '../../src/settings/file.js';
import * as kinds from '../../src/settings/types.js';
import { sourceUrl } from '../../src/settings/values/source-url.js';
import { cpuMs } from '../support/cpu-time.js';
import { codeOf, damage, fuzz, fuzzTimeoutMs } from '../support/fuzz.js';

const dir = mkdtempSync(join(tmpdir(), 'lm-settings-'));
afterAll(() => rmSync(dir, { recursive: true }));
const path = join(dir, 'lm.yaml');

const word = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ...['0', '1', '9', '99999999999999999999', '.', '-', '+', 'e5', '%', ' ', ':', '/', '[', ']', '::', '~', '='],
        ...['B', 'kB', 'MiB', 'GiB', 'Gbit', '/s', 'ms', 's', 'h', 'd', 'data', 'data/0', '..', 'http://', 'h', '\0'],
      ),
      fc.string({ unit: 'binary', maxLength: 3 }),
    ),
    { maxLength: 8 },
  )
  .map((pieces) => pieces.join(''));

const NUMBERS = [kinds.integer(0), kinds.integer(1, 65_535), kinds.ratio, kinds.rate, kinds.duration];
const WORDS = [kinds.toggle, kinds.text('T'), kinds.pattern, kinds.deleteLimit, kinds.listen];
const PLACES = [kinds.path('FILE'), kinds.typedDir, sourceUrl, kinds.keyPrefix];

test(
  'a word is a value that can be used, or none; so is what is guessed to have been meant',
  () => {
    fc.assert(
      fc.property(
        fc.oneof(
          word,
          word.map((text) => `${text}9`.repeat(60)),
        ),
        (text) => {
          for (const kind of [...NUMBERS, ...WORDS, ...PLACES] as kinds.OptionType<unknown>[]) {
            const value = kind.parse(text, '/base');
            if (typeof value === 'number') expect(value >= 0 && value <= Number.MAX_SAFE_INTEGER).toBe(true);
            if (value !== undefined && kind.show) expect(kind.parse(kind.show(value), '/base')).toEqual(value);
            const guess = value === undefined ? kind.suggest?.(text) : undefined;
            if (guess !== undefined) expect(kind.parse(guess.replace(/ \(or .*\)$/s, ''), '/base')).toBeDefined();
          }
          const place = kinds.path('FILE').parse(text, '/base');
          if (place !== undefined) expect(place).toMatch(/^\/[^\0]*$/);
          const prefix = kinds.keyPrefix.parse(text, '/base');
          if (prefix !== undefined)
            expect(prefix.split('/').some((name) => ['', '.', '..'].includes(name))).toBe(false);
        },
      ),
      fuzz(3_000),
    );
  },
  fuzzTimeoutMs,
);

const SETTINGS = Buffer.from(`# an example
listen: 127.0.0.1:9043
threshold: 0.95
max_delete: 10%
roots: {data: [/a, &b /b], hints: *b}
live_migration:
  migration_map: {10.0.0.1: 10.0.0.2}
  files_to_exclude: ['glob:\${DATA_FILE_DIR}/*/*/snapshots', "regex:.*\\\\.tmp"]
  dirs_to_exclude:
  - !!str glob:**/backups
`);

const fragment = fc.constantFrom(
  ...[
    '- ',
    ': ',
    '\n',
    '  ',
    '&a ',
    '*a ',
    '<<: ',
    '{',
    '}',
    '[',
    ']',
    '? ',
    '| ',
    '> ',
    '---\n',
    '...\n',
    '%YAML 9\n',
  ],
  ...['!!binary ', '!!set ', '!!omap ', '!!map ', '!x ', '"', "'", '#', 'roots', '__proto__: ', 'null', '~', '\t', 'a'],
  ...['.inf', '.nan', '0o17', '0x1f', '2001-01-01', 'live_migration:\n', 'constructor: ', '\u0000', '\ufeff', '1e400'],
);

test.each([
  ['settings', () => readSettingsFile(path)],
  ['cassandra.yaml', () => readCassandraYaml(path)],
])(
  'a file of %s is read or refused as such, whatever it holds',
  (_, read) => {
    const text = fc.oneof(
      damage.map((harm) => harm(SETTINGS)),
      fc.array(fragment, { maxLength: 30 }).map((pieces) => Buffer.from(pieces.join(''))),
      fc.json().map((json) => Buffer.from(json)),
    );
    fc.assert(
      fc.property(text, (bytes) => {
        writeFileSync(path, bytes);
        try {
          read();
        } catch (error) {
          expect(codeOf(error)).toBe('usage');
        }
      }),
      fuzz(500),
    );
  },
  fuzzTimeoutMs,
);

const LAUGHS = Array.from({ length: 12 }, (_, i) => `a${i}: &a${i} [${`*a${i - 1},`.repeat(i && 9)}]`).join('\n');

test.each([
  ['nested without end', `roots: ${'['.repeat(50_000)}`],
  ['made of aliases of aliases', LAUGHS],
  ['a list of lists', `${'- '.repeat(20_000)}x`],
  ['mappings in mappings', `{a: `.repeat(20_000)],
])('a file that is %s is refused quickly', (_, text) => {
  writeFileSync(path, text);
  const read = () => expect(() => readSettingsFile(path)).toThrow(expect.objectContaining({ code: 'usage' }));
  expect(cpuMs(read)).toBeLessThan(5_000);
});
