// The fault suite: `npm run test:faults`, or `npm run test:faults:long` for the hundreds. Apart from `npm test`, which is for every change.

import base from '../../jest.config.js';

process.env.LM_LONG = '1'; // what is killed, cut off and starved here is a process that has run nothing else

export default {
  ...base,
  rootDir: '../..',
  testMatch: ['**/*.faults.ts'],
  reporters: ['default', './test/faults/tally.js'],
  testTimeout: 600_000,
};
