// What a real Cassandra takes of this machine beside Node. As a program it says in a line what is lacking, and then ends with 1.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';

/** Of Java: what Cassandra 5.0 is released for. */
const JAVA = 17;

/** That of JAVA_HOME, else the one on the PATH. */
export const java = () => (process.env.JAVA_HOME ? join(process.env.JAVA_HOME, 'bin/java') : 'java');

/** `17.0.15`, or undefined where there is none. */
export function javaVersion() {
  const { stderr } = spawnSync(java(), ['-version'], { encoding: 'utf8' });
  return /version "([^"]+)"/.exec(stderr ?? '')?.[1];
}

/** What is not there, or '' */
export function lacking() {
  const version = javaVersion();
  const found = version ? `${java()} is ${version}` : `no ${java()}`;
  const lacks = [
    ...(version?.split('.')[0] === `${JAVA}` ? [] : [`JDK ${JAVA} (${found})`]),
    ...(spawnSync('mvn', ['--version']).status === 0 ? [] : ['Maven (no mvn that works)']),
    ...(spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true']).status === 0 ? [] : ['setpriv of util-linux']),
  ];
  return lacks.join(', and ');
}

const POM = fileURLToPath(new URL('pom.xml', import.meta.url));

/** Of all jars, which Maven fetches once for all into its own repository (~/.m2). Throws what Maven says where it cannot have them. */
export function classpath() {
  const dir = mkdtempSync(join(tmpdir(), 'lm-maven-'));
  const file = join(dir, 'classpath');
  const version = process.env.LM_CASSANDRA ? [`-Dcassandra.version=${process.env.LM_CASSANDRA}`] : [];
  try {
    const goal = ['dependency:build-classpath', `-Dmdep.outputFile=${file}`, '-DincludeScope=runtime'];
    const { status, stdout } = spawnSync('mvn', ['-q', '-B', '-f', POM, ...version, ...goal], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`Maven gives no Cassandra:\n${stdout}`);
    return readFileSync(file, 'utf8').trim();
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** What is not there, or '': the jars too, which takes Maven some seconds. */
function lackingNow() {
  const lacks = lacking();
  if (lacks !== '') return lacks;
  try {
    classpath();
    return '';
  } catch ({ message }) {
    const said = stripVTControlCharacters(message).split('\n');
    return `the jars of Cassandra (${(said.find((line) => /^\[ERROR\] \S/.test(line)) ?? message).slice(0, 300)})`;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const lacks = lackingNow();
  if (lacks !== '') {
    process.stderr.write(`no real Cassandra can be moved here, for want of ${lacks}\n`);
    process.exitCode = 1;
  }
}
