// The completion scripts, by shell. Each is made of the commands' description alone, and runs no lm while one types.

import type { SHELLS } from '../command-table.js';
import type { DescribedCommand } from '../described.js';
import { bashScript } from './bash.js';
import { fishScript } from './fish.js';
import { zshScript } from './zsh.js';

export const SCRIPTS: Record<(typeof SHELLS)[number], (program: DescribedCommand) => string> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};
