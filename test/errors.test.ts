import { expect, test } from '@jest/globals';
import { localError, systemFailure } from '../src/errors.js';

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
])('%j is a failed call of this host: %s', (fields, message) => {
  expect(systemFailure(Object.assign(new Error('x'), fields))?.message).toBe(message);
});
