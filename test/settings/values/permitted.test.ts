// `list+copy=FILE`, and what will not do.

import { expect, test } from '@jest/globals';
import { permittedName, permittedToken } from '../../../src/settings/values/permitted.js';

test.each([
  ['list=/t', { permissions: ['list'], of: '/t' }],
  ['copy+list=t=1', { permissions: ['list', 'copy'], of: '/etc/lm/t=1' }],
  ['list+copy+manage=/t', { permissions: ['list', 'copy', 'manage'], of: '/t' }],
])('%s', (text, value) => {
  expect(permittedToken.parse(text, '/etc/lm')).toEqual(value);
  expect(permittedToken.parse(permittedToken.show!(value as never), '/')).toEqual(value);
});

test.each(['', 'list', '=/t', 'list=', 'read=/t', 'list+=/t', 'list,copy=/t', 'LIST=/t', 'list=~/t'])('%j', (text) =>
  expect(permittedToken.parse(text, '/etc/lm')).toBeUndefined(),
);

test('a name in a certificate is one without wildcards', () => {
  expect(permittedName.parse('manage=node7.example', '/')).toEqual({ permissions: ['manage'], of: 'node7.example' });
  for (const name of ['*.example', '10.0.0.7', '.example', ''])
    expect(permittedName.parse(`manage=${name}`, '/')).toBeUndefined();
});
