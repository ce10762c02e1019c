import { expect, test } from '@jest/globals';
import { hostAndPort, isWildcard, plainAddress } from '../../src/linux/addresses.js';
import { parseEndpoint } from '../../src/linux/listeners.js';

test.each([
  ['127.0.0.2', '127.0.0.2'],
  ['::ffff:127.0.0.2', '127.0.0.2'],
  ['::ffff:7f00:2', '127.0.0.2'],
  ['[::ffff:7f00:2]', '127.0.0.2'],
  ['0:0:0:0:0:FFFF:7F00:0002', '127.0.0.2'],
  ['::ffff:0.0.0.0', '0.0.0.0'],
  ['0:0:0:0:0:0:0:1', '::1'],
  ['2001:DB8::0:1', '2001:db8::1'],
  ['fe80::1%eth0', 'fe80::1'],
  ['::7f00:2', '::7f00:2'], // not the mapped form
  ['source.example', 'source.example'],
  ['', ''],
])('%j is written %j', (text, plain) => {
  expect(plainAddress(text)).toBe(plain);
});

test('with a port, and as a wildcard', () => {
  expect(hostAndPort('::ffff:7f00:2', 9142)).toBe('127.0.0.2:9142');
  expect(hostAndPort('::1', 9142)).toBe('[::1]:9142');
  expect(['0.0.0.0', '::', '::ffff:0.0.0.0', '127.0.0.1', '::1'].map(isWildcard)).toEqual([
    true,
    true,
    true,
    false,
    false,
  ]);
});

test.each([
  ['0200007F:23B6', '127.0.0.2'],
  ['0000000000000000FFFF00000200007F:23B6', '127.0.0.2'],
  ['00000000000000000000000001000000:23B6', '::1'],
  ['00000000000000000000000000000000:23B6', '::'],
])('the kernel on a little-endian host means by %s port 9142 of %s', (text, address) => {
  expect(parseEndpoint(text)).toEqual({ address, port: 9142 });
});
