// That memory does not grow with the ledger: a process whose heap is far smaller than what it records comes to its end.

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from '@jest/globals';
import { longTest } from '../../support/long-test.js';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The changes alone, all at once, take 600 MB. */
const [DIRECTORIES, FILES, HEAP_MB] = [20_000, 50, 64];

longTest(
  'the proofs of very many files are merged and read in little memory',
  () => {
    const args = ['--import', at('../../bench/typescript.js'), at('large.ts'), `${DIRECTORIES}`, `${FILES}`];
    const out = execFileSync(process.execPath, [`--max-old-space-size=${HEAP_MB}`, ...args], { encoding: 'utf8' });
    const all = DIRECTORIES * FILES;
    expect(JSON.parse(out)).toEqual({ received: all, read: all, sealed: all, proved: all });
  },
  300_000,
);
