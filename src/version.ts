// Tells the version of this lm, as package.json has it.

import { existsSync, readFileSync } from 'node:fs';
import { oneFile } from './threads/own-files.js';

/** Some directories above this file, in the sources as in either form of what is built. */
function packageFile(): URL {
  let file = new URL('../package.json', import.meta.url);
  while (!existsSync(file) && file.pathname !== '/package.json') file = new URL('../package.json', file);
  return file;
}

export const version = (): string =>
  oneFile?.version ?? (JSON.parse(readFileSync(packageFile(), 'utf8')) as { version: string }).version;
