// Starts a process that writes pages of a file in place, and makes files whose every state can be told from a mix of two.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { firstMixedPage, PAGE_BYTES, stamped } from './stamped-pages.js';

const SCRIPT = fileURLToPath(new URL('./writing-process.js', import.meta.url));

interface Writing {
  path: string;
  /** The pages that are written to; all others keep their bytes. */
  firstPage: number;
  pages: number;
  everyMs: number;
  /** Whether the file gets its old mtime again after each write. */
  setsBack?: boolean;
}

/** Where the pages that are written to begin with a state that nobody has written to yet. */
export function stampPages({ path, firstPage, pages }: Pick<Writing, 'path' | 'firstPage' | 'pages'>): void {
  const fd = openSync(path, 'r+');
  for (let page = 0; page < pages; page++)
    writeSync(fd, stamped(0, page), 0, PAGE_BYTES, (firstPage + page) * PAGE_BYTES);
  closeSync(fd);
}

/** Whether these pages are in a state in which they were at the source at one time. */
export function isOneState({ path, firstPage, pages }: Pick<Writing, 'path' | 'firstPage' | 'pages'>): boolean {
  const bytes = readFileSync(path).subarray(firstPage * PAGE_BYTES, (firstPage + pages) * PAGE_BYTES);
  return firstMixedPage(bytes) === undefined;
}

/** Resolves once it has written; `stop` resolves when no more is written. */
export async function startPageWriter({
  path,
  firstPage,
  pages,
  everyMs,
  setsBack,
}: Writing): Promise<{ stop(): Promise<void> }> {
  const args = [path, `${firstPage}`, `${pages}`, `${everyMs}`, ...(setsBack ? ['set-back'] : [])];
  const writer: ChildProcess = spawn(process.execPath, [SCRIPT, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(writer, 'close');
  await once(writer.stdout!, 'data');
  return {
    async stop() {
      writer.kill('SIGKILL');
      await ended;
    },
  };
}
