// Lists the ports that a service on this host would listen on: those that the operator states and those of cassandra.yaml.

import type { ServicePort } from '../../linux/service-ports.js';
import type { ValueOf } from '../options.js';
import type { CassandraYaml } from './cassandra-yaml.js';

interface StatedPorts {
  guardPorts: ValueOf<'guard-port'>;
  jmxPort: ValueOf<'jmx-port'>;
  cassandra: CassandraYaml | undefined;
}

/** Cassandra's default. Port and address of JMX are not set in cassandra.yaml. */
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
