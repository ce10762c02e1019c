// A systemd of its own, as PID 1 of a container made by unshare(1), with the units of a test alone. Needs root. Nothing of this host's
// systemd, if it has one, is touched.

import { type ChildProcess, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from './holders.js';

const SYSTEMD = '/lib/systemd/systemd';
const CGROUPS = '/sys/fs/cgroup';

export interface Systemd {
  systemctl(...args: string[]): SpawnSyncReturns<string>;
  /** The value of a property of a unit: `NRestarts`. */
  show(unit: string, property: string): string;
  /** Runs a program to its end where the units run, outside of what they are confined to; `env` is its whole environment. */
  run(env: Record<string, string>, ...command: string[]): SpawnSyncReturns<string>;
  /** Starts one there, which ends with systemd. */
  start(...command: string[]): ChildProcess;
  stop(): Promise<void>;
}

/** Where a cgroup v2 is mounted. */
const unified = (): string | undefined =>
  /^\d+ \d+ \S+ \/ (\S+) .* - cgroup2 /m.exec(readFileSync('/proc/self/mountinfo', 'utf8'))?.[1];

export const canStartSystemd = (): boolean =>
  process.geteuid?.() === 0 &&
  spawnSync(SYSTEMD, ['--version']).status === 0 &&
  unified() !== undefined &&
  spawnSync('unshare', ['-mpf', '--cgroup', 'true']).status === 0;

/** What units depend on by default. */
const TARGETS = [
  'sysinit',
  'basic',
  'shutdown',
  'network-online',
  'multi-user',
  'umount',
  'final',
  'local-fs',
  'timers',
  'paths',
  'sockets',
];

/** `dir` is for its own files. Its units see /var/lib and /run empty. `known`: units of which it still tells when they have ended. */
export async function startSystemd(dir: string, units: Record<string, string>, known: string[]): Promise<Systemd> {
  const unitDir = join(dir, 'units');
  mkdirSync(unitDir, { recursive: true });
  for (const name of TARGETS) writeFileSync(join(unitDir, `${name}.target`), '[Unit]\nDefaultDependencies=no\n');
  const [basic, after] = [join(unitDir, 'basic.target'), known.join(' ')];
  writeFileSync(basic, `[Unit]\nDefaultDependencies=no\nAfter=${after}\n`);
  writeFileSync(join(unitDir, '-.slice'), '[Slice]\n');
  writeFileSync(join(unitDir, 'system.slice'), '[Slice]\n');
  for (const [name, text] of Object.entries(units)) writeFileSync(join(unitDir, name), text);
  const group = join(unified()!, `lm-test-${process.pid}-${Date.now()}`);
  mkdirSync(group);
  const inside = `set -e
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/lib
mount --bind /dev/null /dev/console
umount -R ${CGROUPS} || :
mount -t cgroup2 cgroup2 ${CGROUPS}
mount --make-rshared /
exec env -i container=lm-test PATH="$PATH" SYSTEMD_UNIT_PATH='${unitDir}' SYSTEMD_LOG_TARGET=null \\
  ${SYSTEMD} --system --unit=basic.target --show-status=0`;
  const flags = '--cgroup --mount --pid --ipc --uts --fork --kill-child';
  const outside = `echo $$ > '${group}/cgroup.procs' && exec setpriv --pdeathsig KILL unshare ${flags} sh -c "$0"`;
  const child = spawn('sh', ['-c', outside, inside], { stdio: ['ignore', 'inherit', 'inherit'] });
  const ended = once(child, 'exit');
  const init = () => readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim();
  await until(() => init() !== '');
  const within = ['nsenter', '-t', init(), '-m', '-p'];
  const [enter, ...entering] = within as [string, ...string[]];
  const run: Systemd['run'] = (env, ...command) =>
    spawnSync(enter, [...entering, ...command], { env, encoding: 'utf8' });
  const systemctl: Systemd['systemctl'] = (...args) =>
    run({ PATH: process.env['PATH'] ?? '' }, 'systemctl', '--no-pager', ...args);
  await until(() => {
    if (child.exitCode !== null) throw new Error(`systemd ended with ${child.exitCode}`);
    return systemctl('is-active', 'basic.target').status === 0;
  });
  return {
    ...{ systemctl, run },
    start: (...command) => spawn(enter, [...entering, ...command], { stdio: ['ignore', 'pipe', 'inherit'] }),
    show: (unit, property) => systemctl('show', '--value', '-p', property, unit).stdout.trim(),
    async stop() {
      child.kill('SIGKILL'); // takes PID 1 along, and the kernel all others in its namespace
      await ended;
      await until(() => isEmpty(group));
      removeGroups(group);
    },
  };
}

const isEmpty = (group: string): boolean => readFileSync(join(group, 'cgroup.events'), 'utf8').includes('populated 0');

function removeGroups(group: string): void {
  for (const below of spawnSync('find', [group, '-depth', '-type', 'd'], { encoding: 'utf8' })
    .stdout.trim()
    .split('\n'))
    rmdirSync(below);
}
