import { mkdirSync, renameSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import type { ListingEnd } from '../../src/files/entry.js';
import { excludeNothing } from '../../src/files/filter.js';
import { walkBlocks } from '../../src/files/walk.js';
import { sandbox } from '../support/sandbox.js';
import { dir } from '../support/tree.js';

test('a root that is replaced while it is walked does not pass for a whole one', () => {
  const { source } = sandbox();
  const directories = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`d${i}`, dir({ file: 'x' })]));
  const path = source.write('data', { a: dir({}), ...directories });
  const walk = walkBlocks([{ key: 'data/0', type: 'data', index: 0, path }], excludeNothing, { rowsPerBlock: 1000 });
  walk.next(); // the root has been read
  walk.next(); // and `a`
  renameSync(path, `${path}-unmounted`);
  mkdirSync(path);
  expect(endOf(walk)).toMatchObject({
    errors: 1,
    firstErrors: [{ key: 'data/0', message: 'no longer the same directory' }],
  });
});

function endOf(walk: Generator<unknown, ListingEnd>): ListingEnd {
  for (;;) {
    const step = walk.next();
    if (step.done) return step.value;
  }
}
