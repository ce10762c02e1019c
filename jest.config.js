/** The longest, which prove most of what they prove beside tests of the parts: a third of the time. In the long form alone. */
const LONG_ONLY = [
  '/test/bench/',
  '/test/sidecar/many-entries\\.test\\.ts$',
  '/test/agent/costly-requests\\.test\\.ts$',
  '/test/e2e/(stated-size|failed-range|far-times|space|tasks-guide)\\.test\\.ts$',
  '/test/e2e/(frozen-peer|report-page|live-source|closed-directories|fidelity|crowd|strangers|prometheus|hostile-[a-z]+\\.fuzz)\\.test\\.ts$',
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
