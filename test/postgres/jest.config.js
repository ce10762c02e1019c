// The suite that moves a real PostgreSQL: `npm run test:postgres`. Apart from `npm test`, as it takes a PostgreSQL, root and some minutes.

import base from '../../jest.config.js';

process.env.LM_LONG = '1'; // each command has a process of its own, as an operator's have

export default {
  ...base,
  rootDir: '../..',
  testMatch: ['**/*.postgres.ts'],
  globalSetup: './test/postgres/setup.js',
  reporters: ['default', './test/services/steps.js'],
  maxWorkers: 1, // one scenario at a time: a cluster and its clients fill two cores
  testTimeout: 300_000, // for what hangs: a step takes seconds
};
