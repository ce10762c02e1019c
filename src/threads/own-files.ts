// The program's own files: what its threads and further processes start from. The only file that knows that all of them may be one.

import { posix } from 'node:path';
import type { WorkerOptions } from 'node:worker_threads';

/** What the loader of dist/lm.mjs gives to the code in it (.ci/one-file.js); elsewhere there is no such name. */
declare const theOneFile: { url: string; version: string } | undefined;

/** The program as one file, where it is: its URL, and the version of lm that is in it. */
export const oneFile = typeof theOneFile === 'undefined' ? undefined : theOneFile;

/** The file with which `script`, a file of its own beside whoever names it, is run as a thread. */
export function threadFile(script: URL): { file: URL; options: WorkerOptions } {
  if (!oneFile) return { file: script, options: {} };
  return { file: new URL(oneFile.url), options: { argv: [posix.basename(script.pathname)] } };
}

/** The file that runs lm, for a process of its own. Relative to the bundle, which is flat in `dist`. */
export const programFile = (): URL => new URL(oneFile?.url ?? '../bin/lm.js', import.meta.url);
