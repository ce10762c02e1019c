// The suite that moves a real Cassandra: `npm run test:cassandra`. Apart from `npm test`, as it takes a JDK, Maven and about ten minutes.

import base from '../../jest.config.js';

process.env.LM_LONG = '1'; // each command has a process of its own, as an operator's have

export default {
  ...base,
  rootDir: '../..',
  testMatch: ['**/*.cassandra.ts'],
  globalSetup: './test/cassandra/setup.js',
  reporters: ['default', './test/services/steps.js'],
  maxWorkers: 1, // one scenario at a time: two nodes fill two cores
  testTimeout: 900_000, // for what hangs: a step takes seconds, and a minute where it waits as lm does
};
