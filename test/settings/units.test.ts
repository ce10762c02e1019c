// Tables: the values of texts, and which texts are refused.
import { describe, expect, test } from '@jest/globals';
import {
  parseDeleteLimit,
  parseDuration,
  parseInteger,
  parseRate,
  parseRatio,
  parseSize,
} from '../../src/settings/units.js';
import { parseListen } from '../../src/settings/values/listen-address.js';

describe('parseRate: bytes per second', () => {
  test.each([
    ['200MiB/s', 209_715_200],
    ['25MB/s', 25_000_000],
    ['1Gbit/s', 125_000_000],
    ['1.5 GiB/s', 1_610_612_736],
    ['8bit/s', 1],
    ['100kB/s', 100_000],
    ['100KiB/s', 102_400],
  ])('%s', (text, bytes) => expect(parseRate(text)).toBe(bytes));

  test.each([
    '200',
    '200MiB',
    '200M/s',
    '200mb/s',
    '200Mb/s',
    '-1MB/s',
    '0MB/s',
    '1bit/s',
    '1e3B/s',
    'fast',
    '',
    '1Xbit/s',
  ])('refuses %j', (text) => expect(parseRate(text)).toBeUndefined());
});

test.each([
  ['256MiB', 2 ** 28],
  ['1 GB', 1e9],
  ['1Gbit', undefined],
  ['1GiB/s', undefined],
  ['1', undefined],
])('parseSize: %s', (text, bytes) => expect(parseSize(text)).toBe(bytes));

describe('parseDuration: milliseconds', () => {
  test.each([
    ['5m', 300_000],
    ['30s', 30_000],
    ['1.5h', 5_400_000],
    ['250ms', 250],
    ['2d', 172_800_000],
  ])('%s', (text, ms) => expect(parseDuration(text)).toBe(ms));

  test.each(['5', '5min', '0s', '-5s', 's', ''])('refuses %j', (text) => expect(parseDuration(text)).toBeUndefined());
});

describe('parseRatio: 0 to 1', () => {
  test.each([
    ['0', 0],
    ['1', 1],
    ['1.0', 1],
    ['.5', 0.5],
    ['95%', 0.95],
    ['100%', 1],
    ['99.9%', 0.9990000000000001],
  ])('%s', (text, ratio) => expect(parseRatio(text)).toBeCloseTo(ratio, 15));

  test.each(['95', '1.01', '101%', '-0.5', '0,95', '1e-1', '%', '', 'NaN', '0x1'])('refuses %j', (text) =>
    expect(parseRatio(text)).toBeUndefined(),
  );
});

test.each([
  ['50%', { kind: 'share', share: 0.5 }],
  ['0%', { kind: 'share', share: 0 }],
  ['1000', { kind: 'count', entries: 1000 }],
  ['0', { kind: 'count', entries: 0 }],
  ['0.5', undefined],
  ['101%', undefined],
  ['-1', undefined],
  ['many', undefined],
])('parseDeleteLimit(%s)', (text, limit) => expect(parseDeleteLimit(text)).toEqual(limit));

test.each([
  ['1', 1, 10, 1],
  ['10', 1, 10, 10],
  ['0', 1, 10, undefined],
  ['11', 1, 10, undefined],
  ['1.0', 1, 10, undefined],
  ['+1', 1, 10, undefined],
  ['0x1', 0, 10, undefined],
  ['99999999999999999999', 0, undefined, undefined],
])('parseInteger(%s) from %s to %s', (text, least, most, value) => expect(parseInteger(text, least, most)).toBe(value));

test.each([
  ['127.0.0.1:9043', { host: '127.0.0.1', port: 9043 }],
  ['node1.example:80', { host: 'node1.example', port: 80 }],
  ['[::1]:9043', { host: '::1', port: 9043 }],
  ['[::]:9043', { host: '::', port: 9043 }],
  [':9043', { host: '::', port: 9043 }],
  ['9043', { host: '127.0.0.1', port: 9043 }],
  ['0.0.0.0:0', { host: '0.0.0.0', port: 0 }],
  ['::1:9043', undefined],
  ['127.0.0.1', undefined],
  ['host:65536', undefined],
  ['http://host:80', undefined],
  ['host:', undefined],
  ['', undefined],
])('parseListen(%s)', (text, address) => expect(parseListen(text)).toEqual(address));
