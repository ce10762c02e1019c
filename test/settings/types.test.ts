// Suggestions for invalid texts: a value that a person would write, and that is valid.
import { describe, expect, test } from '@jest/globals';
import {
  choice,
  deleteLimit,
  duration,
  fingerprint,
  integer,
  keyPrefix,
  listen,
  type OptionType,
  rateLimit,
  ratio,
  typedDir,
} from '../../src/settings/types.js';
import { sourceUrl } from '../../src/settings/values/source-url.js';

const RATIOS: [string, string | undefined][] = [
  ['95', '0.95 (or 95%)'],
  ['1.1', '0.011 (or 1.1%)'],
  ['29', '0.29 (or 29%)'],
  ['57.3', '0.573 (or 57.3%)'],
  ['99.99', '0.9999 (or 99.99%)'],
  ['95 %', '0.95 (or 95%)'],
  ['0,95', '0.95'],
  ['150', undefined],
  ['101%', undefined],
  ['-5', undefined],
  ['most', undefined],
];

describe.each<[string, OptionType<unknown>, [string, string | undefined][]]>([
  ['a share', ratio, RATIOS],
  [
    'a limit of removals',
    deleteLimit,
    [
      ['0.5', '50%'],
      ['0.011', '1.1%'],
      ['0.29', '29%'],
      ['50 %', '50%'],
      ['1,000', '1000'],
      ['150%', undefined],
    ],
  ],
  [
    'a rate',
    rateLimit,
    [
      ['200', '200MiB/s'],
      ['1.5', '1.5MiB/s'],
      ['200M', '200MB/s'],
      ['200MiB', '200MiB/s'],
      ['200mib/s', '200MiB/s'],
      ['25mb/s', '25MB/s'],
      ['200Mbps', '200Mbit/s'],
      ['1gbit', '1Gbit/s'],
      ['1,5 GiB/sec', '1.5GiB/s'],
      ['fast', undefined],
    ],
  ],
  [
    'a time',
    duration,
    [
      ['5', '5s'],
      ['5min', '5m'],
      ['2 hours', '2h'],
      ['30sec', '30s'],
      ['10M', '10m'],
      ['1month', undefined],
    ],
  ],
  [
    'a count',
    integer(1),
    [
      ['1,000', '1000'],
      ['1_000', '1000'],
      ['0', undefined],
      ['ten', undefined],
    ],
  ],
  [
    'a choice',
    choice('mtime', 'size', 'checksum'),
    [
      ['mtme', 'mtime'],
      ['cheksum', 'checksum'],
      ['date', undefined],
    ],
  ],
  [
    'where to listen',
    listen,
    [
      ['0.0.0.0', '0.0.0.0:9043'],
      ['http://0.0.0.0:9043/', '0.0.0.0:9043'],
      ['::1', '[::1]:9043'],
      ['host:99999', undefined],
      [':99999', undefined],
    ],
  ],
  [
    'a source',
    sourceUrl,
    [
      ['source', 'http://source:9043'],
      ['htp://source:9043', 'http://source:9043'],
      ['https:/source:9043', 'https://source:9043'],
      ['http://source:9043/data', 'http://source:9043'],
      ['ftp://source', 'http://source:9043'],
      ['http://source:9043\n', 'http://source:9043'],
      ['http://sou\trce:9043', 'http://source:9043'],
      ['http://source\0:9043', undefined],
      ['http://me:secret@source:9043', undefined],
      ['http://source:0', undefined],
      ['http://source:99999', undefined],
      [`http://${'a'.repeat(64)}:9043`, undefined],
      [`http://${'a.'.repeat(128)}a:9043`, undefined],
      ['http://[fe80::1%25eth0]:9043', undefined],
      ['http://[fe80::1]:9043', undefined],
      ['fe80::1%eth0', undefined],
    ],
  ],
  [
    'a root',
    typedDir,
    [
      ['/data', 'data=/data'],
      ['./data', 'data=./data'],
      ['dat=/data', 'data=/data'],
      ['commit_log=/x', 'commitlog=/x'],
      ['Data=/x', 'data=/x'],
      ['data:/x', 'data=/x'],
      ['snapshots=/x', undefined],
    ],
  ],
  [
    'a part',
    keyPrefix,
    [
      ['data', 'data/0'],
      ['/var/lib/cassandra/data/ks', undefined],
      ['Data/1/ks', 'data/1/ks'],
      ['data/ks', 'data/0/ks'],
      ['ks/t', 'data/0/ks/t'],
      ['foo/0', undefined],
      ['foo/0/ks', undefined],
      ['data/0/../x', undefined],
    ],
  ],
])('%s', (_, type, texts) => {
  test.each(texts)('%s: %s', (given, guess) => {
    expect(type.parse(given, '/base')).toBeUndefined();
    expect(type.suggest?.(given)).toBe(guess);
    if (guess !== undefined) expect(type.parse(guess.replace(/ .*/, ''), '/base')).toBeDefined();
  });
});

test('a secret in a URL is not printed, and a URL without a suggestion gets advice', () => {
  const shown = (given: string) => [sourceUrl.mask?.(given), sourceUrl.advise?.(given)];
  expect(shown('http://me:secret@source:9043')).toEqual([
    'http://…@source:9043',
    expect.stringMatching(/--token-file/),
  ]);
  expect(shown('me:sec@ret@source')).toEqual(['…@source', expect.stringMatching(/--token-file/)]);
  expect(shown('https://[fe80::1%eth0]:9043')[1]).toMatch(/takes a zone/);
  expect(shown('http://source:0')).toEqual(['http://source:0', undefined]);
});

const HEX = '0123456789abcdef'.repeat(4);
const COLONS = HEX.toUpperCase().match(/../g)!.join(':');

test.each([
  ...[HEX, HEX.toUpperCase(), COLONS, COLONS.toLowerCase(), COLONS.replaceAll(':', ' '), ` ${HEX} `],
  ...[`sha256:${HEX}`, `SHA256:${COLONS}`, `sha256 Fingerprint=${COLONS}`, `SHA-256 ${HEX}`],
])('%s is a fingerprint', (given) => expect(fingerprint.parse(given, '')).toBe(COLONS));

test.each([
  '',
  'AB:CD',
  HEX.slice(2),
  `${HEX}00`,
  `${HEX.slice(1)}g`,
  `sha1:${HEX}`,
  COLONS.replace(':', ''),
  `${COLONS}:`,
])('%s is not a fingerprint', (given) => expect(fingerprint.parse(given, '')).toBeUndefined());

test('a percentage is the decimal that a person would write for it', () => {
  for (let tenths = 0; tenths <= 1000; tenths++)
    expect(String(ratio.parse(`${tenths / 10}%`, ''))).toBe(String(Number((tenths / 1000).toFixed(3))));
});
