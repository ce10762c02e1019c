// A node that was killed while clients wrote to it is moved with what only its commit log has. Then somebody is in a hurry: the new node
// is started before its time, which costs a copy and no row.

import { mkdirSync } from 'node:fs';
import { expect } from '@jest/globals';
import { Ledger } from '../services/ledger.js';
import { readBack } from './read-back.js';
import { scenario } from './scenario.js';
import { schema } from './tables.js';
import { fill, Writer } from './writer.js';

const { path, step, node, host, client, defer } = scenario('a node was killed');

const ROWS = 500;
const PER_SECOND = 250;

// Neither cassandra.yaml names a directory: the place of the file tells. A write is on disk before it is acknowledged.
const old = node('old', { address: '127.43.1.1', port: 17_200, sync: 'batch' });
const fresh = node('new', { address: '127.43.1.2', port: 17_210, sync: 'batch' });
const [source, destination] = [host('source'), host('destination')];
const ledger = new Ledger();

step('a node with rows in its SSTables', async () => {
  await old.start();
  const session = await client(old);
  for (const statement of schema(1, { cdc: false })) await session.execute(statement, [], { prepare: false });
  await fill(session, ledger, ROWS);
  await old.nodetool('flush');
});

step(
  'a warm pass, from an agent that was told of cassandra.yaml alone; then a SIGKILL while clients write',
  async () => {
    const writer = new Writer(await client(old), ledger, { perSecond: PER_SECOND, rows: ROWS });
    defer(writer.stop);
    await writer.acknowledges(PER_SECOND);
    const agent = await source.serve(['--cassandra-yaml', old.yaml]);
    mkdirSync(path('new/data')); // as an installed package has it
    await destination.lm(['copy', agent.url, '--cassandra-yaml', fresh.yaml, '--threshold', '0.5'], {
      code: 0,
      says: [/ of the bytes match \(\d+ hot files?, .*, left for the final pass\), 50 % was asked for$/m],
    });
    await writer.acknowledges(4 * PER_SECOND);
    await old.kill();
    await writer.stop();
  },
);

step('the final pass ends with 0, and so does lm verify', async () => {
  await destination.lm(['copy', '--threshold', '1.0'], { code: 0, says: ['\nnext: lm verify\n'] });
  await destination.lm(['verify'], { code: 0, says: [/^verify: all \d+ entries match, \d+ files by xxhash32$/m] });
});

step('the new node is started too early: while it runs, lm copy and lm complete end with 6 and name it', async () => {
  await fresh.start();
  const listens = (port: number, name: string): RegExp =>
    new RegExp(`^  java \\(pid ${fresh.pid}\\) listens on ${fresh.address}:${port}: .* ${name}$`, 'm');
  const says = [listens(fresh.port, 'native_transport_port'), listens(fresh.port + 1, 'storage_port')];
  await destination.lm(['copy'], { code: 6, says });
  await destination.lm(['complete'], { code: 6, says });
});

step('it is stopped: a copy ends with 6 and names what it wrote, lm verify with 4, lm complete with 6', async () => {
  await fresh.stop();
  const says = [/^lm copy: \d+ entries were written here since the last complete pass by somebody other than lm$/m];
  await destination.lm(['copy'], {
    code: 6,
    says: [...says, /^ {2}new +commitlog\/0\/CommitLog-\d+-\d+\.log$/m, '--adopt'],
  });
  const changed = 'lm complete: the two sides have changed since they were verified: ';
  await destination.lm(['complete'], { code: 6, says: [changed, /^ {2}differs {2}not-found-at-source {2}/m] });
  await destination.lm(['verify'], {
    code: 4,
    says: [/^differs {2}not-found-at-source /m, 'next: lm copy, with --adopt'],
  });
});

step('lm copy --adopt makes it as the source is; verified, and complete on both hosts', async () => {
  await destination.lm(['copy', '--adopt'], { code: 0, says: ['given to lm by --adopt', '\nnext: lm verify\n'] });
  await destination.lm(['verify'], { code: 0, says: [/^verify: all \d+ entries match/m] });
  await destination.lm(['complete'], { code: 0, says: ['complete: this destination ('] });
  await source.lm(['complete'], { code: 0, says: ['complete: this source ('] });
});

step('the new node replays the commit log, and every acknowledged row is there', async () => {
  await fresh.start();
  await fresh.logs(/Log replay complete, [1-9]\d* replayed mutations/);
  const { rows, wrong } = await readBack(await client(fresh), ledger);
  expect(wrong).toEqual([]);
  expect(rows).toBeGreaterThan(7 * ROWS * 0.8); // some were deleted
});
