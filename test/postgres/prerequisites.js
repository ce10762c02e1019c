// What a real PostgreSQL takes of this machine beside Node. As a program it says in a line what is lacking, and then ends with 1.

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const DEBIAN = '/usr/lib/postgresql';
const PROGRAMS = ['postgres', 'initdb', 'pg_ctl', 'pgbench', 'pg_amcheck', 'pg_checksums', 'pg_controldata'];

/** LM_POSTGRES, else that of the newest version which Debian's packages have installed; '' where there is none. */
export function binaries() {
  if (process.env.LM_POSTGRES) return process.env.LM_POSTGRES;
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).filter((name) => /^\d+$/.test(name)) : [];
  const newest = versions.sort((a, b) => Number(b) - Number(a)).find((name) => hasAll(join(DEBIAN, name, 'bin')));
  return newest ? join(DEBIAN, newest, 'bin') : '';
}

const hasAll = (dir) => PROGRAMS.every((name) => existsSync(join(dir, name)));

/** `15.18`, of the programs in `dir`. */
export const versionOf = (dir) =>
  /\d+(?:\.\d+)?/.exec(spawnSync(join(dir, 'postgres'), ['--version'], { encoding: 'utf8' }).stdout)?.[0];

/** What is not there, or ''. Two hosts with the same paths are two mount namespaces, and PostgreSQL is not run as root. */
export function lacking() {
  const dir = binaries();
  const lacks = [
    ...(dir !== '' && hasAll(dir)
      ? []
      : [`PostgreSQL (no ${dir || `${DEBIAN}/*/bin`} with ${PROGRAMS.join(', ')}: apt-get install postgresql)`]),
    ...(spawnSync('rsync', ['--version']).status === 0 ? [] : ['rsync']),
    ...(spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true']).status === 0 ? [] : ['setpriv of util-linux']),
    ...(spawnSync('unshare', ['-m', 'true']).status === 0 ? [] : ['root, or the right to unshare -m']),
  ];
  return lacks.join(', and ');
}

if (process.argv[1] === fileURLToPath(import.meta.url) && lacking() !== '') {
  process.stderr.write(`no real PostgreSQL can be moved here, for want of ${lacking()}\n`);
  process.exitCode = 1;
}
