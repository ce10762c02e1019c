// lm itself: the built program, as an operator runs it, each side with a home and a state directory of its own.

import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../support/free-port.js';
import { BIN } from '../../support/lm.js';
import type { Bench } from '../bench.js';
import { peakBytesOf, type Ran, type RunOptions } from '../processes.js';
import { type Opened, type Peer, reach, type Way } from './peer.js';

export interface OpenedLm extends Opened {
  /** The same copy, with the most memory the client held. */
  run(destination: string, options?: RunOptions): Promise<Ran>;
  /** Another command of the client, with the URL and the destination behind it. */
  command(command: string[], destination: string, options?: RunOptions): Promise<Ran>;
  /** The contents of both sides compared, as `flags` say; of a destination that was copied before. */
  verify(destination: string, flags: readonly string[]): Promise<number>;
  /** `lm limit RATE` for a copy to this destination that runs. */
  limit(destination: string, rate: string): Promise<Ran>;
  /** Whether such a copy runs, and could be given another limit. */
  isLimited(destination: string): Promise<boolean>;
  /** The most memory the agent has held so far. */
  agentPeakBytes(): number;
}

/** One whose other side can do more than copy. */
interface LmPeer extends Peer {
  open(bench: Bench, source: string, path?: Way): Promise<OpenedLm>;
}

export const lm: LmPeer = {
  name: 'lm',
  needs: [],
  keeps: 'all',
  open: (bench, source, path) => open(bench, source, { path }),
};

export const lmOverTls: LmPeer = {
  ...lm,
  needs: ['openssl'],
  open: async (bench, source, path) => open(bench, source, { path, tls: await makeCertificate(bench) }),
};

/** With this rule about owners, `--owner`. */
export const lmMapping = (rule: string): LmPeer => ({
  ...lm,
  open: (bench, source, path) => open(bench, source, { path, more: ['--owner', rule] }),
});

/** Copies begin with this `--limit-rate`. */
export const lmLimited = (rate: string): LmPeer => ({
  ...lm,
  open: (bench, source, path) => open(bench, source, { path, more: ['--limit-rate', rate] }),
});

/** For a row of lm beside itself. */
export const lmAlone: LmPeer = { ...lm, name: 'lm alone' };

/** With so many connections to its agent that ask for nothing and come back when they are dropped. */
export const lmBesideStrangers = (strangers: number): LmPeer => ({
  ...lm,
  open: (bench, source, path) => open(bench, source, { path, strangers }),
});

interface Certificate {
  cert: string;
  key: string;
}

async function open(
  bench: Bench,
  source: string,
  {
    path,
    tls,
    strangers,
    more = [],
  }: { path?: Way | undefined; tls?: Certificate; strangers?: number; more?: string[] },
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
  const way = await reach(port, path);
  const url = `${tls ? 'https' : 'http'}://127.0.0.1:${way.port}`;
  const trust = tls ? ['--ca-cert', tls.cert] : [];
  const client = (command: string[], destination: string, options: RunOptions = {}) =>
    bench.processes.run(process.execPath, [BIN, ...command, url, destination, ...trust, ...more], {
      env: environment(dirname(destination)),
      ...options,
    });
  const limit = (destination: string, args: string[], options: RunOptions = {}) =>
    bench.processes.run(process.execPath, [BIN, 'limit', ...args], {
      env: environment(dirname(destination)),
      ...options,
    });
  const run: OpenedLm['run'] = (destination, options) => client(['copy'], destination, options);
  const copyBeside = async (destination: string): Promise<number> => {
    const crowd = await bench.processes.serve(process.execPath, [...CROWD, `${port}`, `${strangers}`, '0'], 'full');
    return (await run(destination).finally(crowd.stop)).seconds;
  };
  return {
    run,
    command: client,
    copy:
      strangers === undefined ? async (destination, options) => (await run(destination, options)).seconds : copyBeside,
    ...(way.passedBytes && { passedBytes: way.passedBytes }),
    verify: async (destination, flags) => (await client(['verify', ...flags], destination)).seconds,
    limit: (destination, rate) => limit(destination, [rate]),
    isLimited: async (destination) => (await limit(destination, [], { codes: [0, 2, 6] })).stdout !== '',
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
