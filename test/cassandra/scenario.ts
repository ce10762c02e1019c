// A scenario with Cassandra nodes, and clients of them.

import * as services from '../services/scenario.js';
import { type Client, connect } from './client.js';
import { CassandraNode, type NodeSettings } from './node.js';

export interface Scenario extends services.Scenario {
  node(name: string, settings: NodeSettings): CassandraNode;
  client(node: CassandraNode): Promise<Client>;
}

export function scenario(name: string): Scenario {
  const base = services.scenario(name, 'lm-cassandra-');
  return {
    ...base,
    node: (of, settings) => base.service(new CassandraNode(base.path(of), settings)),
    async client(node) {
      const client = await connect(node);
      base.defer(() => client.shutdown());
      return client;
    },
  };
}
