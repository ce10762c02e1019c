// A test of the long form alone. Apart from form.ts, which programs beside jest import too.

import { test } from '@jest/globals';
import { LONG } from './form.js';

/** A test whose subject others of the short form pass by; it waits for long, starts many processes, or reckons much. */
export const longTest = LONG ? test : test.skip;
