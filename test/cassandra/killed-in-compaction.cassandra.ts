// A node that was killed in a compaction leaves a transaction log, which names files by their whole paths. Where those are others on the
// new host, a final pass refuses until the log has been cleaned up; where they are the same, the new node cleans up by itself.

import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from '@jest/globals';
import { filesIn } from '../services/files.js';
import type { Host } from '../services/host.js';
import { Ledger } from '../services/ledger.js';
import { IS_ROOT } from '../support/as-user.js';
import type { CassandraNode } from './node.js';
import { readBack } from './read-back.js';
import { scenario } from './scenario.js';
import { schema } from './tables.js';
import { fill } from './writer.js';

const { path, step, stepIf, node, host, client } = scenario('killed in a compaction');

const ROWS = 1000;

const TABLES = 'data/data/ks';
const txnLogsIn = (dir: string): string[] => filesIn(`${dir}/${TABLES}`, /_txn_compaction_[^/]*\.log$/);

/** Whether one of them has come to name the SSTable that is being made. No other compaction goes on, so none goes away meanwhile. */
const namesAny = (dir: string): boolean =>
  txnLogsIn(dir).some((name) => /^ADD:.*\]$/m.test(readFileSync(`${dir}/${TABLES}/${name}`, 'utf8')));

/** Each row in two SSTables, which are being made one, at a MiB a second, when the node is killed. `dir`: where it has its files. */
async function killInCompaction(of: CassandraNode, dir: string, ledger: Ledger, under: string[] = []): Promise<void> {
  await of.start(under);
  const session = await client(of);
  for (const statement of schema(1, { cdc: false })) await session.execute(statement, [], { prepare: false });
  await of.nodetool('disableautocompaction', 'ks');
  for (let times = 0; times < 2; times++) {
    await fill(session, ledger, ROWS);
    await of.nodetool('flush', 'ks');
  }
  await of.nodetool('setcompactionthroughput', '1');
  const compacting = of.nodetool('compact', 'ks', 'lz4').catch(() => {}); // its node goes away
  while (!namesAny(dir)) await pause(10);
  await of.kill();
  await compacting;
}

async function readsBack(of: CassandraNode, ledger: Ledger): Promise<void> {
  const { rows, wrong } = await readBack(await client(of), ledger);
  expect([rows, wrong]).toEqual([7 * ROWS, []]);
}

async function concludes(source: Host, destination: Host): Promise<void> {
  await destination.lm(['verify'], { code: 0, says: [/^verify: all \d+ entries match/m] });
  await destination.lm(['complete'], { code: 0, says: ['complete: this destination ('] });
  await source.lm(['complete'], { code: 0, says: ['complete: this source ('] });
}

{
  const old = node('old', { address: '127.43.2.1', port: 17_300, sync: 'batch' });
  const fresh = node('new', { address: '127.43.2.2', port: 17_310, sync: 'batch' });
  const [source, destination] = [host('source'), host('destination')];
  const ledger = new Ledger();

  step('a node is killed in a compaction, and leaves a transaction log', async () => {
    await killInCompaction(old, path('old'), ledger);
    expect(txnLogsIn(path('old'))).not.toEqual([]);
  });

  step('to other paths: a warm pass warns of the log, a final pass ends with 6 and names it', async () => {
    mkdirSync(path('new/data')); // as an installed package has it
    const { url } = await source.serve(['--cassandra-yaml', old.yaml]);
    const copy = ['copy', url, '--cassandra-yaml', fresh.yaml];
    const names = new RegExp(`${path('new')}/.*_txn_compaction_.*\\.log, which names ${path('old')}/`);
    const says = ['1 transaction log of Cassandra names files elsewhere', names, 'sstableutil --cleanup ks lz4'];
    await destination.lm([...copy, '--threshold', '0.95'], { code: 0, says });
    await destination.lm(['copy', '--threshold', '1.0'], { code: 6, says });
  });

  step('sstableutil --cleanup at the source, as the refusal says: the final pass ends with 0', async () => {
    await old.sstableutil('--cleanup', 'ks', 'lz4');
    const says = [/source stop +no transaction log was left/];
    await destination.lm(['copy', '--threshold', '1.0'], { code: 0, says });
    await concludes(source, destination);
  });

  step('the new node starts, and every acknowledged row is there', async () => {
    await fresh.start();
    await readsBack(fresh, ledger);
    await fresh.stop();
  });
}

{
  /** Where each of two hosts has its Cassandra, by a mount that the other does not see. */
  const SHARED = path('cassandra');
  const on = (name: string): string[] => [
    ...['unshare', '--mount', 'sh', '-c', 'mount --bind "$1" "$2" && shift 2 && exec "$@"', 'sh'],
    ...[path(name), SHARED],
  ];
  const [source, destination] = [
    host('source of the same paths', on('there')),
    host('destination of the same paths', on('here')),
  ];
  const [there, here] = [
    { address: '127.43.2.3', port: 17_320, sync: 'batch' as const },
    { address: '127.43.2.4', port: 17_330, sync: 'batch' as const },
  ];
  const ledger = new Ledger();

  stepIf(IS_ROOT, 'to the same paths: a final pass takes the log, and says that one was left', 'root', async () => {
    const old = node('cassandra', there);
    cpSync(SHARED, path('there'), { recursive: true });
    await killInCompaction(old, path('there'), ledger, on('there'));
    mkdirSync(path('here/data'), { recursive: true });
    cpSync(SHARED, path('here'), { recursive: true });
    const { url } = await source.serve(['--cassandra-yaml', old.yaml]);
    const says = [/source stop +not a clean one: 1 transaction log left$/m];
    await destination.lm(['copy', url, '--cassandra-yaml', old.yaml], { code: 0, says });
    await concludes(source, destination);
    expect(txnLogsIn(path('here'))).toEqual(txnLogsIn(path('there')));
  });

  stepIf(IS_ROOT, 'the new node cleans up after the log, and every acknowledged row is there', 'root', async () => {
    const fresh = node('cassandra', here);
    cpSync(fresh.yaml, path('here/conf/cassandra.yaml'));
    await fresh.start(on('here'));
    expect(txnLogsIn(path('here'))).toEqual([]);
    await readsBack(fresh, ledger);
  });
}
