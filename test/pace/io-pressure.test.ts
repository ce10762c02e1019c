import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { readIoPressure } from '../../src/pace/io-pressure.js';
import { scratch } from '../agent/running-agent.js';

const { dir, remove } = scratch();
afterAll(remove);

const file = (text: string): string => {
  const path = join(dir, 'io');
  writeFileSync(path, text);
  return path;
};

test('reads the total of "some", which the kernel counts in microseconds', () => {
  const text =
    'some avg10=0.00 avg60=0.20 avg300=0.60 total=278820971\nfull avg10=0.00 avg60=0.03 avg300=0.14 total=26200033\n';
  expect(readIoPressure(file(text))).toEqual({ waitedUs: 278820971 });
});

test.each(['', 'full avg10=0.00 avg60=0.03 avg300=0.14 total=7\n', 'some avg10=0.00\n', 'some total=-1\n'])(
  'a file without it is no pressure of 0: %j',
  (text) => expect(readIoPressure(file(text))).toEqual({ why: expect.stringContaining('no line of "some"') }),
);

test('says why there is none', () => {
  expect(readIoPressure(join(dir, 'none'))).toEqual({ why: expect.stringMatching(/^there is no .*none: the kernel/) });
  expect(readIoPressure(dir)).toEqual({ why: `${dir}: EISDIR` });
});
