// A cluster with a tablespace is moved while clients write to it, by the page of examples/postgresql: live passes, a final pass that comes
// too early, one after a crash, then the downtime. Both hosts have the same paths, so the new one is a mount namespace of its own.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from '@jest/globals';
import { filesIn } from '../services/files.js';
import { tellForecast } from '../services/forecast.js';
import { Ledger } from '../services/ledger.js';
import { fill, Pgbench } from './pgbench.js';
import { pgbenchTotals, readBack } from './read-back.js';
import { EXCLUDED, scenario } from './scenario.js';
import { schema } from './tables.js';
import { Writer } from './writer.js';

const { step, directory, cluster, host, defer } = scenario('a cluster moves');

const SCALE = 20;
const PER_SECOND = 100;
const ROWS = 200;

const example = (name: string): string => fileURLToPath(new URL(`../../examples/postgresql/${name}`, import.meta.url));

const srv = directory('srv');
const newSrv = directory('new.srv');
const elsewhere = ['unshare', '-m', 'sh', '-c', `mount --bind '${newSrv}' '${srv}' && exec "$@"`, 'sh'];
const [data, fast] = [join(srv, 'data'), join(srv, 'fast')];
const roots = ['--root', `data=${data}`, '--root', `data=${fast}`];

const OLD = { address: '127.44.0.1', port: 17_400 };
const NEW = { address: '127.44.0.2', port: 17_410 };
const old = cluster('old', { ...OLD, data });
const moved = cluster('new', { ...NEW, data, under: elsewhere });
const [source, destination] = [host('source'), host('destination', elsewhere)];

const ledger = new Ledger();
const acknowledged = { least: 0, most: 0 };
let writer: Writer;
let pgbench: Pgbench;
let firstCopy: string[];

async function startClients(): Promise<void> {
  writer = await Writer.start(old, ledger);
  defer(writer.stop);
  pgbench = new Pgbench(old, PER_SECOND);
  defer(pgbench.end);
  await pgbench.works();
  await writer.acknowledges(ROWS);
}

/** They end with their server. */
async function clientsEnd(): Promise<void> {
  await writer.stop();
  const { least, most } = await pgbench.acknowledged();
  acknowledged.least += least;
  acknowledged.most += most;
}

step('a cluster with checksums, the tables of pgbench, and a tablespace outside its data directory', async () => {
  directory('srv', 'fast');
  await old.init();
  await old.start();
  await fill(old, SCALE);
  const client = await old.connect();
  for (const statement of schema(fast)) await client.query(statement);
  await client.end();
});

step('with the data directory alone, a dry run names the link to the tablespace', async () => {
  const agent = await host('attempt').serve(['--root', `data=${data}`]);
  const says = [/^ +links out +1 symbolic link .* what it leads to is not copied: data\/0\/pg_tblspc\/\d+$/m];
  const to = `data=${join(newSrv, 'data')}`; // a dry run goes by machine and path, and takes its own for the source's
  await destination.lm(['copy', agent.url, '--root', to, '--threshold', '0.5', '--dry-run'], { code: 3, says });
  await agent.stop();
});

step('lm serve, with the tablespace as a second root', async () => {
  const guards = ['--guard-port', `${OLD.address}:${OLD.port}`, '--at-rest-check', example('at-rest-postgresql.sh')];
  const agent = await source.serve([...roots, ...guards]);
  const exclude = EXCLUDED.flatMap((glob) => ['--exclude', glob]);
  const checks = ['--guard-port', `${NEW.address}:${NEW.port}`, '--post-check', example('post-check-postgresql.sh')];
  firstCopy = ['copy', agent.url, ...roots, ...exclude, ...checks];
});

step(
  'three live passes beside clients and a sort on disk: neither its files nor what a server leaves of itself come',
  async () => {
    await startClients();
    const sorting = await sortOnDisk();
    for (let passes = 0; passes < 3; passes++) await livePass();
    await sorting.end();
    expect(existsSync(join(data, 'postmaster.pid'))).toBe(true);
    expect(filesIn(newSrv, /pgsql_tmp|postmaster\.|pg_stat_tmp\/./)).toEqual([]);
    expect(filesIn(newSrv, /^fast\/PG_[^/]+\/\d+\/\d+$/)).not.toEqual([]);
  },
);

/** A sort that holds its files until its client ends. */
async function sortOnDisk() {
  const client = await old.connect();
  await client.query(`SET work_mem = '64kB'`);
  await client.query('BEGIN');
  await client.query(
    'DECLARE c CURSOR FOR SELECT * FROM (SELECT * FROM pgbench_accounts LIMIT 50000) s ORDER BY random()',
  );
  await client.query('FETCH 1 FROM c');
  while (filesIn(data, /pgsql_tmp\/./).length === 0) await pause(20);
  return client;
}

async function livePass(): Promise<void> {
  const { code, stdout, stderr } = await destination.start([...firstCopy, '--threshold', '0.5']).done;
  const all = stdout + stderr;
  expect({ all, asExpected: code === 0 || code === 3 }).toEqual({ all, asExpected: true });
  expect(stdout).toMatch(
    /^ +excluded +3 at the source: data\/0\/postmaster\.opts, data\/0\/postmaster\.pid, data\/0\/base\/pgsql_tmp$/m,
  );
  expect(stdout).not.toContain('links out');
}

step('a final pass while clients write ends with 6 and names the server', () =>
  destination.lm(['copy', '--threshold', '1.0', '--wait-for-writer', '1s'], {
    code: 6,
    says: [
      /^lm copy: the source is still written to: postgres \(pid \d+\) has .* open for writing$/m,
      new RegExp(`^  postgres \\(pid ${old.pid}\\) listens on ${OLD.address}:${OLD.port}: .*--guard-port$`, 'm'),
    ],
  }),
);

step('after a crash it ends with 6, as the check at the source says that the cluster was not shut down', async () => {
  await old.stop('immediate');
  await clientsEnd();
  await destination.lm(['copy', '--threshold', '1.0'], {
    code: 6,
    says: [`${data} was not shut down in order, it says: in production; start it and pg_ctl stop -m fast`],
  });
  await old.start();
});

step('clients write once more, and are still there when the cluster is stopped', async () => {
  await startClients();
  await old.stop('fast');
  await clientsEnd();
});

step('the final pass ends with 0, and every page has its checksum', () =>
  destination.lm(['copy', '--threshold', '1.0'], {
    code: 0,
    says: [/^ +matching +100 % of .*, threshold 100 %$/m, /^ +forecast +final copy .*; took /m, '\nnext: lm verify\n'],
  }),
);

step('the last live pass has forecast it, and the report has what came of it', async () => {
  const verified = await destination.lm(['verify', '--incremental'], { code: 0 });
  expect(tellForecast(verified)).toMatch(/; took .* and .*$/);
});

step('lm verify finds every file as it is at the source', () =>
  destination.lm(['verify'], { code: 0, says: [/^verify: all \d+ entries match, \d+ files by xxhash32$/m] }),
);

step('lm complete on both hosts', async () => {
  await destination.lm(['complete'], { code: 0, says: ['complete: this destination ('] });
  await source.lm(['complete'], { code: 0, says: ['complete: this source ('] });
});

step('the new cluster starts on its own port: every acknowledged transaction is there, and none in part', async () => {
  await moved.start();
  const client = await moved.connect();
  const { rows, wrong } = await readBack(client, ledger);
  expect(wrong).toEqual([]);
  expect(rows).toBeGreaterThan(ROWS / 2); // some were written twice or deleted
  const { transactions, moved: amount, sums } = await pgbenchTotals(client);
  await client.end();
  expect(transactions).toBeGreaterThanOrEqual(acknowledged.least);
  expect(transactions).toBeLessThanOrEqual(acknowledged.most);
  expect(sums).toEqual([amount, amount, amount]);
});

step('pg_amcheck finds nothing wrong with its tables and indexes', () =>
  moved.clientTool('pg_amcheck', '--all', '--install-missing', '--heapallindexed', '--parent-check'),
);

step('a new migration onto it, while it runs, ends with 6 and names it', async () => {
  await destination.lm(['reset'], { code: 0 });
  await source.lm(['reset'], { code: 0 });
  const running = [new RegExp(`postgres \\(pid ${moved.pid}\\)`), '--allow-running skips this check'];
  await destination.lm([...firstCopy, '--adopt'], { code: 6, says: running });
});

step('it is stopped, and pg_checksums finds nothing wrong with its pages', async () => {
  await moved.stop('fast');
  expect(await moved.checksums()).toMatchObject({ code: 0, said: expect.stringMatching(/^Bad checksums: +0$/m) });
});
