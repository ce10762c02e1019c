// Starts Debian's Prometheus and its node_exporter on free ports of loopback, and asks the one what it has of the other and of lm.

import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './free-port.js';
import { until } from './holders.js';

const has = (program: string): boolean => spawnSync(program, ['--version']).error === undefined;

export const HAS_PROMETHEUS = ['prometheus', 'promtool', 'prometheus-node-exporter'].every(has);

/** A vector of samples, or a failure that names what is wrong with the query. */
export interface Answer {
  status: string;
  error?: string;
  data?: { result: { metric: Record<string, string>; value: [number, string] }[] };
}

export interface Prometheus {
  query(expr: string): Promise<Answer>;
  /** The names of the alerts that are firing. */
  firing(): Promise<string[]>;
  stop(): Promise<unknown>;
}

/** Serves the `.prom` files of `dir` as it does on a host. */
export async function startNodeExporter(dir: string): Promise<{ address: string; stop(): Promise<unknown> }> {
  const address = `127.0.0.1:${await freePort()}`;
  const flags = ['--collector.disable-defaults', '--collector.textfile', `--collector.textfile.directory=${dir}`];
  const child = spawn('prometheus-node-exporter', [...flags, `--web.listen-address=${address}`], { stdio: 'ignore' });
  await until(() => answers(child, `http://${address}/metrics`));
  return { address, stop: () => end(child) };
}

/** `config` is the text of prometheus.yml; its relative paths start from `dir`, which also gets the database. */
export async function startPrometheus(dir: string, config: string): Promise<Prometheus> {
  mkdirSync(dir, { recursive: true });
  const file = join(dir, 'prometheus.yml');
  writeFileSync(file, config);
  const address = `127.0.0.1:${await freePort()}`;
  const flags = [
    `--config.file=${file}`,
    `--storage.tsdb.path=${join(dir, 'data')}`,
    `--web.listen-address=${address}`,
  ];
  const child = spawn('prometheus', flags, { stdio: 'ignore' });
  await until(() => answers(child, `http://${address}/-/ready`));
  const ask = async (path: string) => (await fetch(`http://${address}/api/v1/${path}`)).json();
  return {
    query: (expr) => ask(`query?query=${encodeURIComponent(expr)}`) as Promise<Answer>,
    async firing() {
      const { data } = (await ask('alerts')) as {
        data: { alerts: { state: string; labels: { alertname: string } }[] };
      };
      return data.alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels.alertname);
    },
    stop: () => end(child),
  };
}

/** Throws with what promtool says where it is not content; `input` is its standard input. */
export const promtool = (args: string[], input = ''): string =>
  execFileSync('promtool', args, { input, encoding: 'utf8', stdio: 'pipe' });

async function answers(child: ChildProcess, url: string): Promise<boolean> {
  if (child.exitCode !== null) throw new Error(`${child.spawnargs[0]} ended with ${child.exitCode}`);
  return fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}
