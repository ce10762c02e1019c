// Runs `lm demo` and writes what it prints into README.md.

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { README, readReadme, tourOf, withTour } from './tour.js';

const LM = fileURLToPath(new URL('../../bin/lm.js', import.meta.url));
const output = execFileSync(process.execPath, [LM, 'demo'], { encoding: 'utf8' });
writeFileSync(README, withTour(readReadme(), tourOf(output)));
