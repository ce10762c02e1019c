import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { readAuthorities, readCertificates, readSecret, readToken } from '../../../src/settings/values/secret.js';
import { asUser, IS_ROOT, OTHER_USER, SOMEBODY } from '../../support/as-user.js';
import { makeDirectory, refusalOf } from '../../support/settings.js';

const TOKEN = 's3cret-of-both-hosts';

function secretFile(text: string, mode = 0o600): string {
  const path = `${makeDirectory()}/token`;
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

test('a token is read without the newline at its end', () => {
  expect(readToken(secretFile(` ${TOKEN}\n`))).toBe(TOKEN);
});

test.each([0o604, 0o644, 0o610, 0o602, 0o620, 0o660])('mode %o is refused with the chmod to run', async (mode) => {
  const shown = `0${mode.toString(8)}`;
  expect(await refusalOf(() => readSecret(secretFile('x', mode)))).toEqual({
    code: 'usage',
    message: `DIR/token: mode ${shown} lets others read it, takes 0600 or less`,
    hint: 'chmod 600 DIR/token',
  });
});

test.each([0o600, 0o400])('mode %o is accepted', (mode) => expect(readSecret(secretFile('x', mode))).toBe('x'));

test('an empty secret and a token of two lines are refused', async () => {
  expect((await refusalOf(() => readSecret(secretFile(' \n')))).message).toBe(
    'DIR/token: got nothing, takes a file that is not empty',
  );
  for (const text of ['a\nb', 'a b', 'a\r\nX-Header: 1', 'tökén'])
    expect((await refusalOf(() => readToken(secretFile(text)))).message).toMatch(/takes one token of visible ASCII/);
});

test('a token that is too short is refused; a private key has no minimum', async () => {
  expect(readToken(secretFile('x'.repeat(16)))).toHaveLength(16);
  expect(await refusalOf(() => readToken(secretFile('x'.repeat(15))))).toEqual({
    code: 'usage',
    message: 'DIR/token: got 15 characters, takes a token of 16 or more',
    hint: '(umask 077; openssl rand -hex 32 > DIR/token), and the same text on the other host',
  });
});

test('a token that is too long for a header field is refused', async () => {
  expect(readToken(secretFile('x'.repeat(4_096)))).toHaveLength(4_096);
  expect((await refusalOf(() => readToken(secretFile('x'.repeat(4_097))))).message).toBe(
    'DIR/token: got 4097 characters, takes a token of 4096 at most',
  );
});

test('a pipe, a device, a directory and a huge file are refused without blocking', async () => {
  const dir = makeDirectory();
  execFileSync('mkfifo', ['-m', '600', `${dir}/pipe`]);
  symlinkSync(`${dir}/pipe`, `${dir}/link`);
  for (const name of ['pipe', 'link'])
    expect((await refusalOf(() => readToken(`${dir}/${name}`))).message).toBe(
      `DIR/${name} is a pipe, takes a regular file`,
    );
  expect((await refusalOf(() => readToken('/dev/zero'))).message).toBe('/dev/zero is a device, takes a regular file');
  expect((await refusalOf(() => readCertificates(dir))).message).toBe('cannot read DIR: EISDIR');
  const huge = secretFile('');
  truncateSync(huge, 2 ** 40);
  expect((await refusalOf(() => readToken(huge))).message).toBe('DIR/token is too big: takes 262144 bytes at most');
});

const GROUP = 34567;

(IS_ROOT ? describe : describe.skip)('the owner of a secret', () => {
  test.each<[string, number, number, number, string | undefined]>([
    ["root's, for a group of the caller's to read", 0, GROUP, 0o440, undefined],
    ['the same, writable by root', 0, GROUP, 0o640, undefined],
    ["root's, for another group", 0, OTHER_USER, 0o440, 'cannot read DIR/token: EACCES'],
    ["root's, for all", 0, GROUP, 0o444, 'mode 0444 lets others read it'],
    ["root's, for that group to write", 0, GROUP, 0o460, 'mode 0460 lets others read it'],
    ["the caller's, for that group to read", SOMEBODY, GROUP, 0o440, 'mode 0440 lets others read it'],
    ["the caller's own", SOMEBODY, GROUP, 0o600, undefined],
    ["a stranger's, for a group of the caller's to read", OTHER_USER, GROUP, 0o440, `belongs to uid ${OTHER_USER}`],
  ])('%s', async (_, uid, gid, mode, refusal) => {
    const dir = makeDirectory();
    chmodSync(dir, 0o755);
    const path = `${dir}/token`;
    writeFileSync(path, TOKEN);
    chownSync(path, uid, gid);
    chmodSync(path, mode);
    const read = () => asUser(SOMEBODY, () => readToken(path), [GROUP]);
    if (refusal === undefined) expect(read()).toBe(TOKEN);
    else expect((await refusalOf(read)).message).toContain(refusal);
  });

  test('a Secret as Kubernetes mounts it, with its links', () => {
    const dir = makeDirectory();
    chmodSync(dir, 0o755);
    mkdirSync(`${dir}/..2026_11_29`);
    writeFileSync(`${dir}/..2026_11_29/token`, TOKEN, { mode: 0o440 });
    chownSync(`${dir}/..2026_11_29/token`, 0, GROUP);
    symlinkSync('..2026_11_29', `${dir}/..data`);
    symlinkSync('..data/token', `${dir}/token`);
    expect(asUser(SOMEBODY, () => readToken(`${dir}/token`), [GROUP])).toBe(TOKEN);
  });

  test('root refuses a secret of its own that a group without root can read', async () => {
    const path = secretFile(TOKEN, 0o640);
    chownSync(path, 0, OTHER_USER);
    expect((await refusalOf(() => readToken(path))).message).toContain('mode 0640 lets others read it');
  });

  test('root refuses a secret of another user', async () => {
    const path = secretFile(TOKEN);
    chownSync(path, OTHER_USER, OTHER_USER);
    expect(await refusalOf(() => readToken(path))).toEqual({
      code: 'usage',
      message: `DIR/token belongs to uid ${OTHER_USER}, takes a secret of root or your own`,
      hint: 'if it is yours: chown 0 DIR/token',
    });
  });
});

test('certificates may be readable by all; a missing file is named', async () => {
  expect(readCertificates(secretFile('PEM', 0o644))).toBe('PEM');
  expect((await refusalOf(() => readCertificates('/nowhere'))).message).toBe('cannot read /nowhere: ENOENT');
});

test('authorities may be readable by all, but not writable by other users', async () => {
  const path = secretFile('PEM', 0o644);
  expect(readAuthorities(path)).toBe('PEM');
  chmodSync(path, 0o646);
  expect((await refusalOf(() => readAuthorities(path))).message).toContain('can be written by everybody (mode 0646)');
  chmodSync(path, 0o644);
  chmodSync(dirname(path), 0o777);
  expect((await refusalOf(() => readAuthorities(path))).message).toContain('can be written by everybody (mode 0777)');
});
