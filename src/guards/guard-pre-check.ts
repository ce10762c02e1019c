// Runs the operator's --pre-check command and takes its word. Knows nothing of ports or files.

import { LmError, printable } from '../errors.js';
import { howItEnded, runCommand } from '../linux/shell-command.js';

export interface PreCheck {
  /** Given to /bin/sh. */
  command: string;
  /** The environment it inherits; LM_* are added. */
  env: Readonly<Record<string, string | undefined>>;
  /** Host and port of the source. */
  source: string;
  port: number;
  roots: readonly { path: string }[];
  iteration: number;
  threshold: number;
}

/** Resolves when the command exits with 0; throws `refused` with its last lines when it doesn't. An abort kills it and all it started. */
export async function runPreCheck(check: PreCheck, signal?: AbortSignal): Promise<void> {
  const outcome = await runCommand(check.command, { ...check.env, ...variables(check) }, signal);
  if (outcome.code === 0) return;
  throw new LmError('refused', `the pre-check ended with ${howItEnded(outcome)}: ${printable(check.command)}`, {
    details: outcome.lines,
    hint: 'the command is to exit with 0 when the destination service is stopped',
  });
}

const variables = (check: PreCheck): Record<string, string> => ({
  LM_SOURCE: check.source,
  LM_PORT: String(check.port),
  LM_ROOTS: check.roots.map((root) => root.path).join(':'),
  LM_ITERATION: String(check.iteration),
  LM_THRESHOLD: String(check.threshold),
});
