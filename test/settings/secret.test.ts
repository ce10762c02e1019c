import { chmodSync, writeFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { readCertificates, readSecret, readToken } from '../../src/settings/secret.js';
import { makeDirectory, refusalOf } from '../support/settings.js';

function secretFile(text: string, mode = 0o600): string {
  const path = `${makeDirectory()}/token`;
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

test('a token is read without the newline an editor left', () => {
  expect(readToken(secretFile(' s3cret\n'))).toBe('s3cret');
});

test.each([0o640, 0o604, 0o644, 0o610, 0o602])('mode %o is refused with the chmod to run', async (mode) => {
  const shown = `0${mode.toString(8)}`;
  expect(await refusalOf(() => readSecret(secretFile('x', mode)))).toEqual({
    code: 'usage',
    message: `DIR/token: mode ${shown} lets others read it, takes 0600 or less`,
    hint: 'chmod 600 DIR/token',
  });
});

test.each([0o600, 0o400])('mode %o will do', (mode) => expect(readSecret(secretFile('x', mode))).toBe('x'));

test('nothing is no secret, and two lines are no token', async () => {
  expect((await refusalOf(() => readSecret(secretFile(' \n')))).message).toBe(
    'DIR/token: got nothing, takes a file that is not empty',
  );
  for (const text of ['a\nb', 'a b', 'a\r\nX-Header: 1', 'tökén'])
    expect((await refusalOf(() => readToken(secretFile(text)))).message).toMatch(/takes one token of visible ASCII/);
});

test('certificates may be read by all; what is not there is named', async () => {
  expect(readCertificates(secretFile('PEM', 0o644))).toBe('PEM');
  expect((await refusalOf(() => readCertificates('/nowhere'))).message).toBe('cannot read /nowhere: ENOENT');
});
