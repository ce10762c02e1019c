/** The longest, which prove most of what they prove beside tests of the parts: half of the time. In the long form alone. */
const LONG_ONLY = [
  '/test/bench/',
  '/test/sidecar/(destination|many-entries)\\.test\\.ts$',
  '/test/agent/costly-requests\\.test\\.ts$',
  '/test/package\\.test\\.ts$',
  '/test/agent/paced-digests\\.test\\.ts$',
  '/test/wire/pages/pages-answer\\.fuzz\\.test\\.ts$',
  '/test/e2e/hostile-[a-z]+\\.fuzz\\.test\\.ts$',
  '/test/e2e/(ansible|closed-directories|crowd|cassandra-roots|failed-range|far-times|fidelity|frozen-peer|gentle-reading|hot-files)\\.test\\.ts$',
  '/test/e2e/(limit|live-source|metrics|mounts|owner-rights|owners|prometheus|report-page|retry-for)\\.test\\.ts$',
  '/test/e2e/(slow-line|space|sparse|sstables|stated-size|strangers|tasks-guide|tasks-refused|tasks-running)\\.test\\.ts$',
  '/test/e2e/(txn-logs|unreadable-files|verify-downtime|verify-live)\\.test\\.ts$',
];

/** By themselves: beside others the line is slow, and its units are shorter. */
const GOLDEN = process.env.LM_GOLDEN === undefined ? ['/test/golden/'] : [];

// Tests are TypeScript run as ES modules; whatever needs worker threads or a whole process runs the built program.
export default {
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', ...GOLDEN, ...(process.env.LM_LONG === '1' ? [] : LONG_ONLY)],
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'es6' } },
    ],
  },
  // For what hangs: where twenty processes want two cores, the slowest test takes twenty times as long as alone.
  testTimeout: 600_000,
  // The end-to-end tests mostly wait, for processes and until what was written is old enough to be believed: two cores serve four.
  maxWorkers: 4,
};
