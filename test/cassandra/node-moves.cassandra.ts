// One node of two is moved while clients write to it, by the README's commands: warm passes beside snapshots, flushes and compactions, a
// copy that is killed, a final pass that comes too early, then the downtime. The new node, at another address, delivers its peer's hints.

import { readdirSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from '@jest/globals';
import { filesIn } from '../services/files.js';
import { tellForecast } from '../services/forecast.js';
import { Ledger } from '../services/ledger.js';
import { storageAt } from './node.js';
import { readBack } from './read-back.js';
import { scenario } from './scenario.js';
import { schema } from './tables.js';
import { fill, Writer } from './writer.js';

const { path, step, node, host, client, defer } = scenario('a node moves');

const ROWS = 2500;
const PER_SECOND = 250;

const OLD = { address: '127.43.0.1', port: 17_100 };
const PEER = { address: '127.43.0.2', port: 17_110 };
const NEW = { address: '127.43.0.3', port: 17_120 };

const nodeOf = (name: string, place: { address: string; port: number }) =>
  node(name, {
    ...place,
    // The old node begins the ring, and its peer finds it at its new address too.
    seeds: (place === OLD ? [OLD] : [OLD, NEW]).map(({ address, port }) => storageAt(address, port)),
    yaml: everyDirectory(name),
  });

/** Two for data, one for the node's own tables, and CDC. Hints go out as fast as they can. */
const everyDirectory = (name: string): string => `data_file_directories:
  - ${path(name, 'disk0')}
  - ${path(name, 'disk1')}
local_system_data_file_directory: ${path(name, 'system')}
commitlog_directory: ${path(name, 'commitlog')}
hints_directory: ${path(name, 'hints')}
saved_caches_directory: ${path(name, 'saved_caches')}
cdc_raw_directory: ${path(name, 'cdc_raw')}
cdc_enabled: true
hinted_handoff_throttle: 100MiB
`;

const [old, peer, moved] = [nodeOf('old', OLD), nodeOf('peer', PEER), nodeOf('new', NEW)];
const [source, destination] = [host('source'), host('destination')];
const ledger = new Ledger();
let writer: Writer;
let firstCopy: string[];

const sstablesIn = (name: string): string[] => filesIn(path(name), /-Data\.db$/);
const snapshotsIn = (name: string): string[] => filesIn(path(name), /(^|\/)snapshots\//);

step('two nodes, a keyspace on both, and tables of every kind', async () => {
  await old.start();
  const session = await client(old);
  for (const statement of schema(2, { cdc: true })) await session.execute(statement, [], { prepare: false });
  await peer.start();
});

step(`${ROWS} rows of each table, flushed`, async () => {
  await fill(await client(old), ledger, ROWS);
  await old.nodetool('flush');
});

step('the peer goes down, clients go on writing', async () => {
  await peer.nodetool('drain');
  await peer.stop();
  await startClients();
});

async function startClients(): Promise<void> {
  writer = new Writer(await client(old), ledger, { perSecond: PER_SECOND, rows: ROWS });
  defer(writer.stop);
  await writer.acknowledges(PER_SECOND);
}

step('lm serve, with TLS and a token', async () => {
  const token = path('token');
  writeFileSync(token, `${'0123456789abcdef'.repeat(4)}\n`, { mode: 0o600 });
  const listen = ['--listen', `${OLD.address}:${OLD.port + 3}`, '--tls-auto', '--token-file', token];
  const agent = await source.serve([...listen, '--cassandra-yaml', old.yaml]);
  const [, pin] = await agent.process.says(/--pin ((?:[0-9A-F]{2}:){31}[0-9A-F]{2})/);
  firstCopy = ['copy', agent.url, '--token-file', token, '--pin', pin!, '--cassandra-yaml', moved.yaml];
});

step('a snapshot; a dry run ends with 3 and writes nothing', async () => {
  await old.nodetool('snapshot', '-t', 'before', 'ks');
  const says = [/^would copy +new .* data\/0\/ks\//m, /^next: the same command without --dry-run: it would copy \d+ /m];
  await destination.lm([...firstCopy, '--threshold', '0.95', '--dry-run'], { code: 3, says });
  expect(readdirSync(path('new'))).toEqual(['conf']);
});

step('the copy is killed with SIGKILL', async () => {
  const copying = destination.start([...firstCopy, '--threshold', '0.95', '--limit-rate', '10MiB/s']);
  while (sstablesIn('new').length < 3) await pause(20);
  copying.kill('SIGKILL');
  expect(await copying.done).toMatchObject({ signal: 'SIGKILL' });
});

step('warm passes go on beside flushes and major compactions, and end with 0', async () => {
  const churn = compactTwice();
  const resumed = await warm([0, 3]);
  expect(resumed).toMatch(/^plan: .* [1-9]\d* unchanged/m); // what the killed copy had published
  for (let passes = 0; passes < 3; passes++) await warm([0, 3]);
  await churn;
  const last = await warm([0]);
  expect(last).toMatch(/^forecast: if you stop the source now, .* that a drain flushes; within max_hint_window, /m);
  expect(last).toContain('\nnext: stop the service on the source, then lm copy --threshold 1.0\n');
  expect([snapshotsIn('old').length > 0, snapshotsIn('new')]).toEqual([true, []]);
});

async function warm(codes: number[]): Promise<string> {
  const { code, stdout, stderr } = await destination.start([...firstCopy, '--threshold', '0.95']).done;
  const all = stdout + stderr;
  expect({ all, asExpected: codes.includes(code!) }).toEqual({ all, asExpected: true });
  return stdout;
}

async function compactTwice(): Promise<void> {
  for (let i = 0; i < 2; i++) {
    await old.nodetool('flush', 'ks');
    await old.nodetool('compact', 'ks');
  }
}

const namesTheNode = (): RegExp[] => [
  new RegExp(`^lm copy: the source is still written to: java \\(pid ${old.pid}\\) has .* open for writing$`, 'm'),
  new RegExp(`^  java \\(pid ${old.pid}\\) listens on ${OLD.address}:${OLD.port}: .* native_transport_port$`, 'm'),
  /^hint: stop the service there and copy again/m,
];

step('a final pass while clients write ends with 6 and names the node', () =>
  destination.lm(['copy', '--threshold', '1.0'], { code: 6, says: namesTheNode() }),
);

step('a final pass while the node is idle ends with 6 and names it', async () => {
  await writer.stop();
  await destination.lm(['copy', '--threshold', '1.0'], { code: 6, says: namesTheNode() });
});

step('clients write once more; then the node is drained and stopped', async () => {
  await startClients();
  await writer.stop();
  await old.nodetool('drain');
  await old.stop();
});

step('the final pass ends with 0', () =>
  destination.lm(['copy', '--threshold', '1.0'], {
    code: 0,
    says: [
      /^ +matching +100 % of .*, threshold 100 %$/m,
      /^ +forecast +final copy .*; took /m,
      /source stop +no transaction log was left/,
      '\nnext: lm verify\n',
    ],
  }),
);

step('the last live pass has forecast it, and the report has what came of it', async () => {
  const verified = await destination.lm(['verify', '--incremental'], { code: 0 });
  expect(tellForecast(verified)).toMatch(/; took .* and .*$/);
});

step('lm verify finds every file as it is at the source', () =>
  destination.lm(['verify'], { code: 0, says: [/^verify: all \d+ entries match, \d+ files by xxhash32$/m] }),
);

step('lm complete on both hosts; a copy then ends with 6', async () => {
  await destination.lm(['complete'], {
    code: 0,
    says: ['complete: this destination (', '\nnext: lm complete on the source'],
  });
  await source.lm(['complete'], { code: 0, says: ['complete: this source (', 'systemctl mask cassandra'] });
  await destination.lm(['copy'], { code: 6, says: ['complete', 'lm reset'] });
});

step('the new node starts at its own address, and every acknowledged row is there', async () => {
  await moved.start();
  const { rows, wrong } = await readBack(await client(moved), ledger);
  expect(wrong).toEqual([]);
  expect(rows).toBeGreaterThan(7 * ROWS * 0.8); // some were deleted
});

step('lm reset on both hosts; a copy over the running node ends with 6', async () => {
  await destination.lm(['reset'], { code: 0 });
  await source.lm(['reset'], { code: 0 });
  const running = [new RegExp(`java \\(pid ${moved.pid}\\)`), '--allow-running skips this check'];
  await destination.lm(firstCopy, { code: 6, says: running });
});

step('the peer comes back and gets its hints: alone, it has every acknowledged row', async () => {
  const kept = filesIn(path('old/hints'), /\.hints$/).map((name) => basename(name));
  expect(kept).not.toEqual([]);
  await peer.start();
  for (const name of kept)
    await moved.logs(new RegExp(`Finished hinted handoff of file ${name} to endpoint [^\\n,]*$`, 'm'));
  expect(await moved.nodetool('status', 'ks')).toMatch(new RegExp(`^UN +${PEER.address}`, 'm'));
  await moved.stop();
  expect(await readBack(await client(peer), ledger)).toMatchObject({ wrong: [] });
});
