// The fault suite: `npm run test:faults`, or `npm run test:faults:long` for the hundreds. Apart from `npm test`, which is for every change.

import base from '../../jest.config.js';

export default {
  ...base,
  rootDir: '../..',
  testMatch: ['**/*.faults.ts'],
  reporters: ['default', './test/faults/tally.js'],
  testTimeout: 120_000,
};
