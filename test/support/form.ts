// The two forms of the suite: `npm test`, for every change and in minutes, and `npm run test:long`.

/** `LM_LONG=1`: each command has a process of its own, as an operator's have, and no table is cut. */
export const LONG = process.env['LM_LONG'] === '1';

/** Of cases that all go the same way through a whole program: every `nth`, or in the long form all. Readers have unit tests beside. */
export const sample = <T>(nth: number, cases: readonly T[]): T[] =>
  LONG ? [...cases] : cases.filter((_, i) => i % nth === 0);
