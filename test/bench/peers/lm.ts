// lm itself: the built program, as an operator runs it, each side with a home and a state directory of its own.

import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BIN } from '../../support/lm.js';
import type { Bench } from '../bench.js';
import type { Distance } from '../far-proxy.js';
import { freePort, peakBytesOf, type Ran } from '../processes.js';
import { type Opened, type Peer, reach } from './peer.js';

export interface OpenedLm extends Opened {
  /** The same copy, with the most memory the client held. */
  run(destination: string, options?: { watchMemory: boolean }): Promise<Ran>;
  /** Digests of both sides compared; of a destination that was copied before. */
  verify(destination: string, algorithm: string): Promise<number>;
  /** The most memory the agent has held so far. */
  agentPeakBytes(): number;
}

/** One whose other side can do more than copy. */
interface LmPeer extends Peer {
  open(bench: Bench, source: string, distance?: Distance): Promise<OpenedLm>;
}

export const lm: LmPeer = {
  name: 'lm',
  needs: [],
  keeps: 'all',
  open: (bench, source, distance) => open(bench, source, { distance }),
};

export const lmOverTls: LmPeer = {
  ...lm,
  needs: ['openssl'],
  open: async (bench, source, distance) => open(bench, source, { distance, tls: await makeCertificate(bench) }),
};

/** For a row of lm beside itself. */
export const lmAlone: LmPeer = { ...lm, name: 'lm alone' };

/** With so many connections to its agent that ask for nothing and come back when they are dropped. */
export const lmBesideStrangers = (strangers: number): LmPeer => ({
  ...lm,
  open: (bench, source, distance) => open(bench, source, { distance, strangers }),
});

interface Certificate {
  cert: string;
  key: string;
}

async function open(
  bench: Bench,
  source: string,
  { distance, tls, strangers }: { distance?: Distance; tls?: Certificate; strangers?: number },
): Promise<OpenedLm> {
  const port = await freePort();
  const home = bench.path('agent', 'home');
  const agent = await bench.processes.serve(
    process.execPath,
    [
      BIN,
      'serve',
      source,
      '--listen',
      `127.0.0.1:${port}`,
      '--insecure',
      ...(tls ? ['--tls-cert', tls.cert, '--tls-key', tls.key] : []),
    ],
    port,
    { env: environment(home) },
  );
  const way = await reach(port, distance);
  const url = `${tls ? 'https' : 'http'}://127.0.0.1:${way.port}`;
  const trust = tls ? ['--ca-cert', tls.cert] : [];
  const client = (command: string[], destination: string, watchMemory = false) =>
    bench.processes.run(process.execPath, [BIN, ...command, url, destination, ...trust], {
      env: environment(dirname(destination)),
      watchMemory,
    });
  const run: OpenedLm['run'] = (destination, { watchMemory = false } = { watchMemory: false }) =>
    client(['copy'], destination, watchMemory);
  const copyBeside = async (destination: string): Promise<number> => {
    const crowd = await bench.processes.serve(process.execPath, [...CROWD, `${port}`, `${strangers}`, '0'], 'full');
    return (await run(destination).finally(crowd.stop)).seconds;
  };
  return {
    run,
    copy: strangers === undefined ? async (destination) => (await run(destination)).seconds : copyBeside,
    verify: async (destination, algorithm) => (await client(['verify', '--algo', algorithm], destination)).seconds,
    agentPeakBytes: () => peakBytesOf(agent.pid),
    async stop() {
      await way.stop();
      await agent.stop();
      await bench.remove(dirname(home));
    },
  };
}

const at = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const CROWD = ['--import', at('../typescript.js'), at('../../support/crowd.ts')];

function environment(home: string): Record<string, string> {
  mkdirSync(home, { recursive: true });
  return { HOME: home, LM_STATE_DIR: join(home, 'state') };
}

/** Self-signed, for loopback; node cannot make one by itself. */
async function makeCertificate(bench: Bench): Promise<Certificate> {
  const [cert, key] = [bench.path('tls', 'cert.pem'), bench.path('tls', 'key.pem')];
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-days', '2'];
  const subject = ['-subj', '/CN=lm-bench', '-addext', 'subjectAltName=IP:127.0.0.1'];
  await bench.processes.run('openssl', [...request, ...subject, '-keyout', key, '-out', cert]);
  return { cert, key };
}

/** How long a program that does nothing takes: seconds each, of so many in a row. */
export async function startUp(bench: Bench, args: string[], times: number): Promise<number> {
  let seconds = 0;
  for (let i = 0; i < times; i++) seconds += (await bench.processes.run(process.execPath, args)).seconds;
  return seconds / times;
}

export const versionArgs = [BIN, '--version'];
