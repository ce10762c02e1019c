import { expect, test } from '@jest/globals';
import { meaningOf } from '../src/error-codes.js';
import { inOneLine, LmError, localError, printableJson, systemFailure } from '../src/errors.js';
import { exitCodeOf } from '../src/exit-codes.js';

test.each(['UNKNOWN', 'Unknown system error -122'])(
  'a system error without a name in libuv (%s) gets its own, and its hint',
  (code) => {
    const error = Object.assign(new Error('Unknown system error -122'), { code, errno: -122 });
    expect(localError('write', '/data/x', error)).toMatchObject({
      message: 'cannot write /data/x: EDQUOT',
      hint: expect.stringContaining('quota'),
    });
  },
);

test.each([
  [{ code: 'EIO', syscall: 'unlink', path: '/data/x' }, 'cannot unlink /data/x: EIO'],
  [{ code: 'EMFILE', syscall: 'spawn' }, 'spawn: EMFILE'],
  [{ code: 'ECONNREFUSED', syscall: 'connect' }, undefined],
  [{ code: 'ERR_INVALID_ARG_TYPE' }, undefined],
])('%j is a failed system call of this host: %s', (fields, message) => {
  const error = Object.assign(new Error('x'), fields);
  expect(systemFailure(error)?.message).toBe(message);
  expect(exitCodeOf(error)).toBe(message === undefined ? 1 : 8); // in records as well, whatever ends the process
});

test.each([
  ['EMFILE', 'ulimit -n'],
  ['EAGAIN', 'ulimit -u'],
])('a thread that cannot start because of %s is a local error, with the limit to raise', (code, raise) => {
  const error = Object.assign(new Error(`Worker initialization failure: ${code}`), { code: 'ERR_WORKER_INIT_FAILED' });
  expect(systemFailure(error)).toMatchObject({
    ...{ code: 'local', kind: 'thread' },
    message: `cannot start a thread: ${code}`,
    hint: expect.stringContaining(raise),
  });
});

test.each([
  [new RangeError('WebAssembly.Memory(): could not allocate memory'), 'not enough memory: WebAssembly.Memory(): could'],
  [new RangeError('WebAssembly.Instance(): Out of memory: Cannot allocate Wasm memory'), 'not enough memory: WebAss'],
  [new RangeError('Array buffer allocation failed'), 'not enough memory: Array buffer allocation failed'],
  [Object.assign(new Error('Worker terminated'), { code: 'ERR_WORKER_OUT_OF_MEMORY' }), 'not enough memory: Worker'],
  [new RangeError('Invalid array length'), undefined],
])('%s: %s', (error, message) => {
  const told = message === undefined ? undefined : expect.stringContaining(message);
  expect(systemFailure(error)?.message).toEqual(told);
  if (told) expect(localError('write', '/data/x', error)).toMatchObject({ code: 'local', message: told });
});

test('an error fits into one line, with its details and its hint', () => {
  const details = ['first:', '  data/0/a', '  data/0/b'];
  expect(inOneLine(new LmError('refused', 'too much', { details, hint: 'look' }))).toBe(
    'too much; first: data/0/a; data/0/b; look',
  );
  expect(inOneLine(new LmError('refused', 'too much'))).toBe('too much');
});

test('JSON holds the same text without control characters', () => {
  const name = 'a\u009b31m\u007f\u202e\u2028\u{e0041}\u001b\n"\\é😀';
  const json = printableJson(JSON.stringify({ name }));
  expect(json).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  expect(json).toContain('é😀');
  expect(JSON.parse(json)).toEqual({ name });
});

test('a code that is not in the table has no meaning, whatever its name', () => {
  expect(meaningOf('EMFILE').isLocal).toBe(true);
  for (const code of [undefined, '', 'ENOENT', 'constructor']) expect(meaningOf(code)).toEqual({});
});
