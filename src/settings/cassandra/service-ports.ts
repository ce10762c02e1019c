// What a service on this host would listen on: what the operator names and what cassandra.yaml says. Asks nobody.

import type { ServicePort } from '../../linux/service-ports.js';
import type { ValueOf } from '../options.js';
import type { CassandraYaml } from './cassandra-yaml.js';

export interface StatedPorts {
  guardPorts: ValueOf<'guard-port'>;
  jmxPort: ValueOf<'jmx-port'>;
  cassandra: CassandraYaml | undefined;
}

/** Cassandra's default: it is set elsewhere than in cassandra.yaml, and so is where it listens. */
const JMX_PORT = 7199;

export function servicePorts({ guardPorts, jmxPort, cassandra }: StatedPorts): ServicePort[] {
  const jmx = jmxPort ?? (cassandra ? JMX_PORT : undefined);
  return [
    ...guardPorts.map((port) => toServicePort('--guard-port', port)),
    ...(cassandra?.ports ?? []),
    ...(jmx === undefined ? [] : [toServicePort('JMX', jmx)]),
  ];
}

const toServicePort = (name: string, stated: ValueOf<'guard-port'>[number]): ServicePort =>
  typeof stated === 'number' ? { name, port: stated } : { name, port: stated.port, hosts: [stated.host] };
