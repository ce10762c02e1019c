// Runs the operator's own checks: --pre-check, whose exit code decides whether a run goes on, and --post-check, whose exit code is a result.

import { LmError, printable } from '../errors.js';
import { howItEnded, runCommand } from '../linux/shell-command.js';
import type { CheckReport } from '../report/parts.js';

export interface OwnCheck {
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

/** Throws `local` when there is no shell. An abort kills the command and all it started, and its reason is thrown. */
export async function runOwnCheck(check: OwnCheck, signal?: AbortSignal): Promise<CheckReport> {
  const { command } = check;
  const beganMs = performance.now();
  const { code, killedBy, lines } = await runCommand(command, { ...check.env, ...variables(check) }, signal);
  const elapsedMs = Math.round(performance.now() - beganMs);
  return { command, exitCode: code, signal: killedBy, elapsedMs, lastLines: lines };
}

/** `the pre-check ended with exit code 3: /usr/local/bin/is-stopped` */
export const failedText = (which: 'pre-check' | 'post-check', { command, exitCode, signal }: CheckReport): string =>
  `the ${which} ended with ${howItEnded({ code: exitCode, killedBy: signal })}: ${printable(command)}`;

/** Throws `refused` with its last lines unless it has succeeded. */
export function refuseFailedPreCheck(report: CheckReport): void {
  if (report.exitCode === 0) return;
  throw new LmError('pre-check', failedText('pre-check', report), {
    details: report.lastLines,
    hint: 'the command is to exit with 0 when the destination service is stopped',
  });
}

/** The host and the port of a source, as the commands are told them. */
export const sourceOf = (url: URL): Pick<OwnCheck, 'source' | 'port'> => ({
  source: url.hostname,
  port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)),
});

const variables = (check: OwnCheck): Record<string, string> => ({
  LM_SOURCE: check.source,
  LM_PORT: String(check.port),
  LM_ROOTS: check.roots.map((root) => root.path).join(':'),
  LM_ITERATION: String(check.iteration),
  LM_THRESHOLD: String(check.threshold),
});
