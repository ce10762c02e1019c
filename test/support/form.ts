// The two forms of the suite: `npm test`, which takes minutes and runs for every change, and `npm run test:long`.

/** `LM_LONG=1`: each command has a process of its own, as for an operator, and all rows of each table run. */
export const LONG = process.env['LM_LONG'] === '1';

/** Every `nth` of cases that take the same way through the whole program; in the long form all of them. Parsers have unit tests as well. */
export const sample = <T>(nth: number, cases: readonly T[]): T[] =>
  LONG ? [...cases] : cases.filter((_, i) => i % nth === 0);
