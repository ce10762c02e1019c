// Beside rsync: a cluster is copied by both while it serves, goes on, and is stopped. The final pass of lm brings no more over the line than
// rsync with its deltas does, and takes no longer.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { startSlowLine } from '../bench/slow-line.js';
import type { Line } from '../support/line.js';
import { fill, Pgbench } from './pgbench.js';
import { RsyncDaemon, rsync } from './rsync.js';
import { EXCLUDED, scenario } from './scenario.js';

const { path, step, directory, cluster, service, host, defer } = scenario('beside rsync');

const SCALE = 20;
const PER_SECOND = 200;
/** After the last live pass: some thousand pages, all over the tables. */
const TRANSACTIONS = 2000;
/** Of the final pass, so that bytes are what it waits for: 100 Mbit/s. */
const LINE = 12_500_000;

const srv = directory('srv');
const data = join(srv, 'data');
const copies = { lm: directory('lm'), rsync: directory('rsync') };
const server = cluster('server', { address: '127.44.1.1', port: 17_420, data });
const ports = { lm: 0, rsync: 17_421 };
const daemon = service(new RsyncDaemon(srv, ports.rsync));
const [source, destination] = [host('source'), host('destination')];
let lines: { lm: Line; rsync: Line };
const found: Record<'lm' | 'rsync', { bytes: number; seconds: number }> = {
  lm: { bytes: 0, seconds: 0 },
  rsync: { bytes: 0, seconds: 0 },
};

/** What went over its line meanwhile, and how long it took. */
async function measured(name: 'lm' | 'rsync', act: (port: number) => Promise<unknown>): Promise<void> {
  const [before, beganMs] = [lines[name].passedBytes(), performance.now()];
  await act(lines[name].port);
  found[name] = { bytes: lines[name].passedBytes() - before, seconds: (performance.now() - beganMs) / 1000 };
}

async function byLm(port: number, threshold: string, codes: readonly number[]): Promise<void> {
  const { code, stdout, stderr } = await destination.start([
    ...['copy', `http://127.0.0.1:${port}`, '--root', `data=${join(copies.lm, 'data')}`],
    ...['--token-file', path('token'), '--threshold', threshold, '--wait-for-writer', '0s'],
    ...EXCLUDED.flatMap((glob) => ['--exclude', glob]),
  ]).done;
  const all = stdout + stderr;
  expect({ all, asExpected: codes.includes(code!) }).toEqual({ all, asExpected: true });
}

const byRsync = (port: number, live: boolean): Promise<void> =>
  rsync(port, copies.rsync, { excluded: EXCLUDED.map((glob) => glob.replace('data/*/', 'data/')), live });

step('a cluster that is served by both', async () => {
  await server.init();
  await server.start();
  await fill(server, SCALE);
  writeFileSync(path('token'), `${'0123456789abcdef'.repeat(4)}\n`, { mode: 0o600 });
  const agent = await source.serve(['--root', `data=${data}`, '--token-file', path('token')]);
  await daemon.start(path('rsyncd.conf'));
  ports.lm = Number(new URL(agent.url).port);
  lines = { lm: await startSlowLine(ports.lm, LINE), rsync: await startSlowLine(ports.rsync, LINE) };
  for (const line of Object.values(lines)) defer(line.stop);
});

async function livePasses(): Promise<void> {
  await byLm(ports.lm, '0.3', [0, 3]);
  await byRsync(ports.rsync, true);
}

function begin(): Pgbench {
  const pgbench = new Pgbench(server, PER_SECOND);
  defer(pgbench.end);
  return pgbench;
}

step('a live pass of each beside pgbench', async () => {
  const pgbench = begin();
  await livePasses();
  await pgbench.end();
});

/** What is committed between the passes of the two, the first would have to bring in its final pass, and the second not. */
step('another one of each while nobody commits, then pgbench goes on', async () => {
  await livePasses();
  await begin().commits(TRANSACTIONS);
});

step('the final pass of each from the cluster that was stopped', async () => {
  await server.stop('fast');
  await measured('lm', (port) => byLm(port, '1.0', [0]));
  await measured('rsync', (port) => byRsync(port, false));
  process.stdout.write(`       final pass: ${JSON.stringify(found)}\n`);
});

step('both copies are whole', async () => {
  await destination.lm(['verify'], { code: 0, says: [/^verify: all \d+ entries match/m] });
  for (const copy of Object.values(copies))
    expect(await server.checksums(join(copy, 'data'))).toMatchObject({ code: 0 });
});

step('that of lm brought no more bytes over its line', async () => {
  expect(found.lm.bytes).toBeLessThanOrEqual(found.rsync.bytes);
});
