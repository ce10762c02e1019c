// A node that is stopped with full memtables: what its drain flushes is no file before, and comes in the final pass. The forecast of the pass
// before has to count it, by the commit logs.

import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { expect } from '@jest/globals';
import { tellForecast } from '../services/forecast.js';
import { jsonLines } from '../support/lm.js';
import { scenario } from './scenario.js';

const { path, step, node, host, client } = scenario('full memtables');

const MIB = 2 ** 20;
const ROW_BYTES = 16 << 10;
const [FLUSHED, IN_MEMORY] = [64 * MIB, 200 * MIB];
/** Under way at once. */
const LANES = 32;

/** Memtables hold all of it, and nothing is flushed for want of room for commit logs. */
const yamlOf = (name: string): string => `data_file_directories:
  - ${path(name, 'data')}
commitlog_directory: ${path(name, 'commitlog')}
hints_directory: ${path(name, 'hints')}
saved_caches_directory: ${path(name, 'saved_caches')}
memtable_heap_space: 900MiB
memtable_cleanup_threshold: 0.9
commitlog_total_space: 2GiB
`;

const HEAP = '1536M';
const old = node('old', { address: '127.43.3.1', port: 17_300, heap: HEAP, yaml: yamlOf('old') });
const moved = node('new', { address: '127.43.3.2', port: 17_310, heap: HEAP, yaml: yamlOf('new') });
const [source, destination] = [host('source'), host('destination')];
let forecast: { drainBytes: number; fetch: { bytes: number } };

async function write(bytes: number, from: number): Promise<void> {
  const session = await client(old);
  const until = from + bytes / ROW_BYTES;
  let next = from;
  const lane = async (): Promise<void> => {
    while (next < until)
      await session.execute('INSERT INTO ks.t (id, v) VALUES (?, ?)', [next++, randomBytes(ROW_BYTES)]);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

async function livePass(): Promise<void> {
  const { code, stdout, stderr } = await destination.start(['copy', '--max-downtime', '1h', '--json']).done;
  expect({ code, stderr }).toEqual({ code: 0, stderr });
  const lines = jsonLines(stdout) as unknown as { type: string; forecast: typeof forecast }[];
  forecast = lines.filter(({ type }) => type === 'forecast').at(-1)!.forecast;
}

step('a node with a table, some of it flushed', async () => {
  await old.start();
  const session = await client(old);
  const replicated = "{'class': 'SimpleStrategy', 'replication_factor': 1}";
  await session.execute(`CREATE KEYSPACE ks WITH replication = ${replicated}`, [], { prepare: false });
  await session.execute('CREATE TABLE ks.t (id int PRIMARY KEY, v blob)', [], { prepare: false });
  await write(FLUSHED, 0);
  await old.nodetool('flush');
});

step('a first copy', async () => {
  writeFileSync(path('token'), `${'0123456789abcdef'.repeat(4)}\n`, { mode: 0o600 });
  const agent = await source.serve(['--cassandra-yaml', old.yaml, '--token-file', path('token')]);
  const first = ['copy', agent.url, '--token-file', path('token'), '--cassandra-yaml', moved.yaml];
  await destination.lm([...first, '--threshold', '0.3'], { code: 0 });
});

step(`${IN_MEMORY / MIB} MiB come into memtables, and a live pass forecasts what a drain makes of them`, async () => {
  await write(IN_MEMORY, FLUSHED / ROW_BYTES);
  await livePass();
  expect(forecast.drainBytes).toBeGreaterThan(IN_MEMORY);
});

step('the node is drained and stopped, and the final pass brings as much as was forecast', async () => {
  await old.nodetool('drain');
  await old.stop();
  const { code, stdout, stderr } = await destination.start(['copy', '--threshold', '1.0', '--json']).done;
  expect({ code, stderr }).toEqual({ code: 0, stderr });
  const { report } = jsonLines(stdout).at(-1)! as unknown as { report: { status: { bytesReceived: number }[] } };
  const received = report.status.reduce((sum, { bytesReceived }) => sum + bytesReceived, 0);
  expect(received).toBeGreaterThan(IN_MEMORY);
  const factor = Math.max(received / forecast.fetch.bytes, forecast.fetch.bytes / received);
  expect(factor).toBeLessThan(1.5);
});

step('it is proved; how long it was to take, and how long it took, is told', async () => {
  const verified = await destination.lm(['verify', '--incremental'], { code: 0 });
  expect(tellForecast(verified)).toMatch(/; took .* and .*$/);
});
