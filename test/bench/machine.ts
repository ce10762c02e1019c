// What a measurement was made on: processors, load, and the versions of everybody who takes part.

import { execFileSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { findProgram } from './processes.js';

export interface Machine {
  processors: string;
  memoryBytes: number;
  kernel: string;
  node: string;
  /** Of the last minute. */
  load: number;
  /** The first line a program says of itself. */
  versions: Record<string, string>;
}

/** Above this, somebody else is working: two runs will not agree. */
export const QUIET_LOAD = 0.5;

const VERSION_ARGS: Record<string, string[]> = {
  rsync: ['--version'],
  rclone: ['version'],
  nginx: ['-v'],
  curl: ['--version'],
  ssh: ['-V'],
  md5sum: ['--version'],
  xxhsum: ['--version'],
  openssl: ['version'],
};

export function describeMachine(): Machine {
  const versions = Object.entries(VERSION_ARGS).flatMap(([name, args]) => {
    const path = findProgram(name);
    return path === undefined ? [] : [[name, firstLine(path, args)]];
  });
  return {
    processors: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.version,
    load: loadavg()[0]!,
    versions: Object.fromEntries(versions),
  };
}

/** Some say it on stderr. */
function firstLine(path: string, args: string[]): string {
  const said = execFileSync('/bin/sh', ['-c', 'exec "$0" "$@" 2>&1', path, ...args], { encoding: 'utf8' });
  return said.trim().split('\n')[0] ?? '';
}
