import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  FILES,
  fileTarget,
  fileUrl,
  isFoundRaw,
  isRawKey,
  isServedRaw,
  keyOfFileUrl,
} from '../../src/wire/file-urls.js';
import { listTarget, parseTarget } from '../../src/wire/routes.js';

const file = (type: string, index: string, path: object, digestAlgorithm?: string) => ({
  name: 'file',
  type,
  index,
  path,
  digestAlgorithm,
});

describe('parseTarget', () => {
  test.each([
    [FILES, { name: 'list', only: undefined }],
    [`${FILES}/`, { name: 'list', only: undefined }],
    [`${FILES}?only=data%2F0%2Fks`, { name: 'list', only: 'data/0/ks' }],
    ['/api/v1/live-migration/status', { name: 'status' }],
    ['/api/v1/live-migration/fetch', { name: 'fetch' }],
    ['/api/v1/live-migration/digests', { name: 'digests' }],
    ['/api/v1/live-migration/open-files', { name: 'open-files' }],
    ['/api/v1//live-migration/./status', { name: 'status' }],
    ['/', undefined],
    [`${FILES}/data`, undefined],
    [`${FILES}/data/0`, file('data', '0', { names: [] })],
    [`${FILES}/data/0/`, file('data', '0', { names: [] })],
    [`${FILES}/data/0/ks/t/x.db`, file('data', '0', { names: ['ks', 't', 'x.db'] })],
    [`${FILES}/data/0/ks//./x`, file('data', '0', { names: ['ks', 'x'] })],
    [`${FILES}/data/0/x?digestAlgorithm=MD5`, file('data', '0', { names: ['x'] }, 'MD5')],
    [`${FILES}/data/0/x?digestAlgorithm=`, file('data', '0', { names: ['x'] }, '')],
    [`${FILES}/data/0/a+b`, file('data', '0', { names: ['a+b'] })],
    [`${FILES}/data/0/a%2Bb`, file('data', '0', { names: ['a%2Bb'] })],
    [`${FILES}/data/0/a%2Fb`, file('data', '0', { names: ['a%2Fb'] })],
    [`${FILES}/data/0/%61%20%C3%A9%25`, file('data', '0', { names: ['a é%'] })],
    [`${FILES}/data/0/%2541`, file('data', '0', { names: ['%41'] })],
    [`${FILES}/data/0/%2E%2E/ks/f`, file('data', 'ks', { problem: 'relative' })],
    [`${FILES}/data/0/../ks/f`, file('data', 'ks', { problem: 'relative' })],
    [`${FILES}/data/0/x/..`, file('data', '0', { problem: 'relative' })],
    [`${FILES}/data/0/..`, undefined],
    [`${FILES}/data/0/../../../x/y`, undefined],
    [`${FILES}/data/0/%252E%252E/x`, file('data', '0', { names: ['%2E%2E', 'x'] })],
    [`${FILES}/data/0/%00`, file('data', '0', { problem: 'malformed' })],
    [`${FILES}/data/0/%FF`, file('data', '0', { problem: 'malformed' })],
    [`${FILES}/data/0/a%zz`, file('data', '0', { problem: 'malformed' })],
    [`${FILES}/data/0/%%341`, file('data', '0', { problem: 'malformed' })],
    [`${FILES}/data/0/a"b`, file('data', '0', { problem: 'malformed' })],
    [`${FILES}/data/0/a\u00e9`, file('data', '0', { problem: 'malformed' })],
  ])('%s', (target, route) => expect(parseTarget(target)).toEqual(route));
});

const name = fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }).filter((s) => !/[/\0]|^\.\.?$/.test(s));
const names = fc.array(name, { minLength: 1, maxLength: 4 });

test('a target leads back to its key, whatever the name holds', () => {
  fc.assert(
    fc.property(names, (names) => {
      const target = fileTarget(`data/0/${names.join('/')}`);
      expect(target).toMatch(/^[!-~]+$/);
      expect(parseTarget(target)).toEqual(file('data', '0', { names }));
    }),
  );
});

test('a key that a Sidecar can serve is its own target', () => {
  const key = "data/0/ks/nb-1-big-SAI+aa+Group,(x)=@:;!$&'*~_.db";
  expect(isRawKey(key)).toBe(true);
  expect(fileTarget(key)).toBe(fileUrl(key));
  for (const name of ['a b', '100%', 'é', 'a?b', 'a#b', 'a"b', 'a\\b', 'a\nb', '[x]'])
    expect(isRawKey(name)).toBe(false);
});

test('a Sidecar keeps escapes of reserved characters in the name, and refuses half an escape', () => {
  for (const name of ['a%20b', 'a%2Bb', '100%25', '%2F', '%ff'])
    expect([name, isServedRaw(name)]).toEqual([name, true]);
  for (const name of ['100%', '%4', '%zz', 'a%41', '%2e', '%7E', 'a b%20', 'x%2F..', '..%2Fx', 'é%20'])
    expect([name, isServedRaw(name)]).toEqual([name, false]);
});

test('a key that `isFoundRaw` accepts is found under its own URL', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('a', '%', '2', 'B', '0', '4', '1', '+', ' ', '?'), { minLength: 1 }),
      (pieces) => {
        const names = [pieces.join('')];
        const key = `data/0/${names[0]}`;
        if (isFoundRaw(key)) expect(parseTarget(fileUrl(key))).toEqual(file('data', '0', { names }));
        else expect(isRawKey(key)).toBe(false);
      },
    ),
  );
  expect(['data/0/a%2Bb', 'data/0/a%20b', 'data/0/a?b'].map(isFoundRaw)).toEqual([true, false, false]);
});

test('a file URL is the key behind the prefix, not decoded', () => {
  expect(keyOfFileUrl(fileUrl('data/0/a%20b'))).toBe('data/0/a%20b');
  expect(keyOfFileUrl('/api/v1/other/data/0/x')).toBeUndefined();
});

test('a listing of a subtree names it in its query', () => {
  expect(parseTarget(listTarget('data/0/a b&c'))).toEqual({ name: 'list', only: 'data/0/a b&c' });
});
