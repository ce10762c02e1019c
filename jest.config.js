/** The longest, which prove most of what they prove beside tests of the parts: a third of the time. In the long form alone. */
const LONG_ONLY = [
  '/test/golden/',
  '/test/bench/',
  '/test/agent/costly-requests\\.test\\.ts$',
  '/test/e2e/(frozen-peer|live-source|closed-directories|fidelity|crowd|strangers|hostile-[a-z]+\\.fuzz)\\.test\\.ts$',
];

// Tests are TypeScript run as ES modules; whatever needs worker threads or a whole process runs the built program.
export default {
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  testPathIgnorePatterns: process.env.LM_LONG === '1' ? ['/node_modules/'] : ['/node_modules/', ...LONG_ONLY],
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
