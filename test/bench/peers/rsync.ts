// rsync: from its daemon, and over ssh through an sshd of ours with keys of ours.

import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { freePort } from '../../support/free-port.js';
import type { Bench } from '../bench.js';
import { findProgram, type RunOptions } from '../processes.js';
import { type Peer, reach } from './peer.js';

/** Whole files (`-aW`); `flags` beside that, which also tell the peers apart. */
export const rsyncDaemon = (flags: string[] = []): Peer => daemon(['-aW'], flags);

/** What an interrupted run has left of a file is what the next one goes on from: that takes its deltas, so no `-W`. */
export const rsyncPartial: Peer = daemon(['-a'], ['--partial']);

/** Deltas of what has changed, and nothing that the source no longer has. */
export const rsyncDelta: Peer = daemon([], ['-a', '--delete']);

function daemon(usual: string[], flags: string[]): Peer {
  return {
    name: ['rsync daemon', ...flags].join(' '),
    needs: ['rsync'],
    keeps: 'all',
    async open(bench, source, path) {
      const port = await freePort();
      const config = bench.path('rsyncd', 'rsyncd.conf');
      writeFileSync(config, daemonConfig(source));
      const server = await bench.processes.serve(
        'rsync',
        [
          '--daemon',
          '--no-detach',
          '--config',
          config,
          '--address',
          '127.0.0.1',
          '--port',
          String(port),
          '--log-file=/dev/null',
        ],
        port,
      );
      const way = await reach(port, path);
      const url = `rsync://127.0.0.1:${way.port}/source/`;
      return {
        copy: (destination, options) => rsync(bench, [...usual, ...flags, url, `${destination}/`], options),
        ...(way.passedBytes && { passedBytes: way.passedBytes }),
        async stop() {
          await way.stop();
          await server.stop();
        },
      };
    },
  };
}

const daemonConfig = (source: string) => `use chroot = no
${isRoot() ? 'uid = 0\ngid = 0\n' : ''}[source]
  path = ${source}
  read only = yes
`;

const isRoot = () => process.geteuid?.() === 0;

export const rsyncOverSsh: Peer = {
  name: 'rsync over ssh, aes128-gcm',
  needs: ['rsync', 'ssh', 'sshd', 'ssh-keygen'],
  keeps: 'all',
  async open(bench, source) {
    const keys = await makeKeys(bench);
    const port = await freePort();
    writeFileSync(bench.path('ssh', 'sshd_config'), sshdConfig(bench));
    writeFileSync(bench.path('ssh', 'known_hosts'), `[127.0.0.1]:${port} ${keys.hostPublic}\n`);
    const removeRunDir = makeRunDir();
    const sshd = await bench.processes
      .serve(
        findProgram('sshd')!,
        ['-D', '-e', '-f', bench.path('ssh', 'sshd_config'), '-o', `ListenAddress=127.0.0.1:${port}`],
        port,
      )
      .catch((error) => {
        removeRunDir();
        throw error;
      });
    const shell = [
      `ssh -F none -p ${port} -i ${keys.user} -c ${CIPHER} -o BatchMode=yes -o IdentitiesOnly=yes`,
      `-o UserKnownHostsFile=${bench.path('ssh', 'known_hosts')} -o GlobalKnownHostsFile=none`,
    ].join(' ');
    return {
      copy: (destination) =>
        rsync(bench, ['-aW', '-e', shell, `${userInfo().username}@127.0.0.1:${source}/`, `${destination}/`]),
      async stop() {
        await sshd.stop();
        removeRunDir();
      },
    };
  },
};

const CIPHER = 'aes128-gcm@openssh.com';

const sshdConfig = (bench: Bench) => `HostKey ${bench.path('ssh', 'host')}
AuthorizedKeysFile ${bench.path('ssh', 'user.pub')}
PidFile none
PermitRootLogin prohibit-password
PasswordAuthentication no
StrictModes no
Ciphers ${CIPHER}
`;

async function makeKeys(bench: Bench): Promise<{ user: string; hostPublic: string }> {
  await bench.remove(bench.path('ssh'));
  const [user, host] = [bench.path('ssh', 'user'), bench.path('ssh', 'host')];
  for (const file of [user, host])
    await bench.processes.run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'lm-bench', '-f', file]);
  const { stdout } = await bench.processes.run('ssh-keygen', ['-y', '-f', host]);
  return { user, hostPublic: stdout.trim() };
}

const RUN_DIR = '/run/sshd';

/** An sshd run by root will not start without it; where no sshd was ever started it is made, and removed again. */
function makeRunDir(): () => void {
  if (!isRoot()) return () => {};
  try {
    mkdirSync(RUN_DIR, { mode: 0o755 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return () => {};
    throw error;
  }
  return () => rmdirSync(RUN_DIR);
}

const rsync = async (bench: Bench, args: string[], options: RunOptions = {}) =>
  (await bench.processes.run('rsync', args, options)).seconds;
