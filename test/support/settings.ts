// Settings read from literals: a directory with an lm.yaml, an environment, flags.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';
import { LmError } from '../../src/errors.js';
import type { CommandName } from '../../src/settings/options.js';
import { type Invocation, readStated, type Stated } from '../../src/settings/stated.js';

export interface Given {
  command?: CommandName;
  flags?: Invocation['flags'];
  dir?: string | undefined;
  env?: Record<string, string>;
  /** The text of ./lm.yaml. */
  file?: string;
  /** The names of this host. */
  names?: string[];
  cwd?: string;
  /** If true, an lm.yaml in `cwd` is not read. */
  isRoot?: boolean;
}

const made: string[] = [];
afterAll(() => {
  for (const path of made) rmSync(path, { recursive: true });
});

/** Removed when the tests of the file are over. */
export function makeDirectory(files: Record<string, string> = {}): string {
  const path = mkdtempSync(join(tmpdir(), 'lm-settings-'));
  made.push(path);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  return path;
}

export async function state(given: Given): Promise<Stated> {
  const { command = 'copy', flags = {}, dir, env = {}, file, names = [] } = given;
  const cwd = given.cwd ?? makeDirectory();
  if (file !== undefined) writeFileSync(join(cwd, 'lm.yaml'), file);
  return readStated({ command, flags, dir }, env, cwd, () => names, given.isRoot ?? false);
}

/** The error as an operator reads it, with `DIR` for temporary directories. */
export async function refusalOf(attempt: () => unknown): Promise<{ code: string; message: string; hint?: string }> {
  try {
    await attempt();
  } catch (error) {
    if (!(error instanceof LmError)) throw error;
    const shorten = (text: string): string => text.replaceAll(/\/\S*\/lm-settings-\w+/g, 'DIR');
    const { code, message, hint } = error;
    return { code, message: shorten(message), ...(hint === undefined ? {} : { hint: shorten(hint) }) };
  }
  throw new Error('nothing was refused');
}
