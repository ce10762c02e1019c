// A Cassandra node: a process of its own on an address of loopback, in a directory laid out as the tarball is. Ends with the suite.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Daemon } from '../services/daemon.js';
import { succeed } from '../services/tool.js';
import { classpath, JAVA, jamm, MODULES } from './java.js';

export interface NodeSettings {
  /** On loopback; also what clients connect to. */
  address: string;
  /** Native transport, storage and JMX have this port and the next two. */
  port: number;
  /** `ADDRESS:PORT` of each seed; itself where there are none. */
  seeds?: readonly string[];
  /** `periodic`, as in the file that Cassandra comes with, unless each write is to be on disk before it is acknowledged. */
  sync?: 'periodic' | 'batch';
  /** More of cassandra.yaml. */
  yaml?: string;
  heap?: string;
}

/** Where a node's storage port is. */
export const storageAt = (address: string, port: number): string => `${address}:${port + 1}`;

export class CassandraNode {
  readonly dir: string;
  readonly yaml: string;
  readonly address: string;
  readonly port: number;
  readonly #jmxPort: number;
  readonly #heap: string;
  readonly #daemon: Daemon;

  constructor(dir: string, settings: NodeSettings) {
    const { address, port, yaml = '', heap = '768M' } = settings;
    this.dir = dir;
    this.address = address;
    this.port = port;
    this.#jmxPort = port + 2;
    this.#heap = heap;
    this.#daemon = new Daemon(dir);
    this.yaml = join(dir, 'conf/cassandra.yaml');
    mkdirSync(join(dir, 'conf'), { recursive: true });
    writeFileSync(this.yaml, yamlOf(settings) + yaml);
    writeFileSync(join(dir, 'conf/logback.xml'), logback('INFO', 'out'));
    writeFileSync(join(dir, 'conf/logback-tools.xml'), logback('WARN', 'err'));
  }

  get pid(): number {
    return this.#daemon.pid;
  }

  get lastWords(): string {
    return this.#daemon.lastWords;
  }

  /** Resolves when it takes clients. `under`: a program to run it under, which becomes it. */
  async start(under: readonly string[] = []): Promise<void> {
    this.#daemon.start([...under, JAVA, ...this.#daemonFlags(), DAEMON]);
    await this.logs(/ - Startup complete/);
  }

  /** Resolves when its log has it; rejects when it ends first. */
  logs = (pattern: RegExp): Promise<void> => this.#daemon.logs(pattern);

  /** SIGTERM, as `systemctl stop` sends it. */
  stop = (): Promise<void> => this.#daemon.end('SIGTERM');

  kill = (): Promise<void> => this.#daemon.end('SIGKILL');

  /** Returns what it prints; rejects when it fails. */
  nodetool(...args: string[]): Promise<string> {
    return this.#tool('NodeTool', ['-h', '127.0.0.1', '-p', `${this.#jmxPort}`, ...args]);
  }

  /** Of a node that is stopped. */
  sstableutil(...args: string[]): Promise<string> {
    return this.#tool('StandaloneSSTableUtil', args);
  }

  #tool(name: string, args: string[]): Promise<string> {
    const flags = ['-Xmx256m', '-XX:TieredStopAtLevel=1', ...this.#flags('logback-tools.xml')];
    return succeed(`${name} ${args.join(' ')}`, [JAVA, ...flags, `org.apache.cassandra.tools.${name}`, ...args]);
  }

  #flags(logging: string): string[] {
    return [
      ...MODULES,
      ...['-cp', classpath()],
      `-Dcassandra.config=file://${this.yaml}`,
      `-Dcassandra.storagedir=${join(this.dir, 'data')}`,
      `-Dlogback.configurationFile=${join(this.dir, 'conf', logging)}`,
      `-Duser.home=${this.dir}`, // tools keep a history there
    ];
  }

  #daemonFlags(): string[] {
    return [
      ...[`-Xms${this.#heap}`, `-Xmx${this.#heap}`, '-Xss512k', '-XX:+UseG1GC', `-javaagent:${jamm()}`],
      ...this.#flags('logback.xml'),
      `-Dcassandra.logdir=${join(this.dir, 'logs')}`,
      `-Dcassandra.jmx.local.port=${this.#jmxPort}`,
      '-Dcassandra-foreground=yes',
      '-Dcassandra.ring_delay_ms=3000', // half a minute is for rings of more than two
      '-Dcassandra.skip_wait_for_gossip_to_settle=0',
    ];
  }
}

const DAEMON = 'org.apache.cassandra.service.CassandraDaemon';

const SYNC = { periodic: 'commitlog_sync: periodic\ncommitlog_sync_period: 10000ms', batch: 'commitlog_sync: batch' };

/** On a machine that does other things as well. */
const PATIENCE = ['read', 'range', 'write', 'counter_write'].map((what) => `${what}_request_timeout: 60s\n`).join('');

const yamlOf = ({ address, port, seeds = [storageAt(address, port)], sync = 'periodic' }: NodeSettings): string =>
  `cluster_name: lm
num_tokens: 4
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: SimpleSnitch
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters: [{ seeds: "${seeds.join(',')}" }]
listen_address: ${address}
storage_port: ${port + 1}
rpc_address: ${address}
native_transport_port: ${port}
${SYNC[sync]}
${PATIENCE}`;

const logback = (level: string, stream: 'out' | 'err'): string => `<configuration>
  <appender name="all" class="ch.qos.logback.core.ConsoleAppender">
    <target>System.${stream}</target>
    <encoder><pattern>%-5level [%thread] %date{ISO8601} %F:%L - %msg%n</pattern></encoder>
  </appender>
  <root level="${level}"><appender-ref ref="all"/></root>
</configuration>
`;
