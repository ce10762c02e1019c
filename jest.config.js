// Tests are TypeScript run as ES modules; whatever needs worker threads or a whole process runs the built program.
export default {
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'es6' } },
    ],
  },
  testTimeout: 60_000,
  // The end-to-end tests mostly wait for processes of their own: with one worker, which is what two cores get, most time is idle.
  maxWorkers: 2,
};
