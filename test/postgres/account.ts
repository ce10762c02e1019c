// The account that PostgreSQL runs as, which refuses to run as root: its own where its package is installed, else nobody.

import { execFileSync, spawnSync } from 'node:child_process';

const ACCOUNT = spawnSync('id', ['postgres']).status === 0 ? 'postgres' : 'nobody';

const id = (flag: '-u' | '-g'): number => Number(execFileSync('id', [flag, ACCOUNT], { encoding: 'utf8' }));

export const UID = id('-u');
export const GID = id('-g');

/** Flags of setpriv. */
export const AS_ACCOUNT: readonly string[] = [`--reuid=${UID}`, `--regid=${GID}`, '--clear-groups'];
