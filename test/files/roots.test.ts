import { expect, test } from '@jest/globals';
import { isInside } from '../../src/files/roots.js';

test.each([
  ['/data', '/data', true],
  ['/data/ks', '/data', true],
  ['/data2', '/data', false],
  ['/', '/data', false],
  ['/data', '/', true],
  ['/', '/', true],
])('%j inside %j: %s', (path, directory, expected) => expect(isInside(path, directory)).toBe(expected));
