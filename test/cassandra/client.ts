// A client of one node and no other, whatever that node says of its peers.

import cassandra from 'cassandra-driver';
import type { CassandraNode } from './node.js';

const { AllowListPolicy, RoundRobinPolicy } = cassandra.policies.loadBalancing;
const { ConstantReconnectionPolicy } = cassandra.policies.reconnection;

/** What one replica has said is enough: which one is the point of the suite. */
const ONE = cassandra.types.consistencies.localOne;

/** Connected when this resolves. A busy machine has its time to answer. */
export async function connect({ address, port }: Pick<CassandraNode, 'address' | 'port'>): Promise<cassandra.Client> {
  const place = `${address}:${port}`;
  const client = new cassandra.Client({
    contactPoints: [place],
    localDataCenter: 'datacenter1',
    policies: {
      loadBalancing: new AllowListPolicy(new RoundRobinPolicy(), [place]),
      reconnection: new ConstantReconnectionPolicy(1000), // its timer is not cleared when the client is closed
    },
    socketOptions: { connectTimeout: 120_000, readTimeout: 120_000 },
    queryOptions: { consistency: ONE, prepare: true, fetchSize: 500 },
  });
  try {
    await client.connect();
  } catch (error) {
    await client.shutdown();
    throw error;
  }
  return client;
}

export type Client = cassandra.Client;
