// Before the first scenario: tells scenarios by the environment where Java and Cassandra lie.

import { classpath, java, lacking } from './prerequisites.js';

export default function setup() {
  const lacks = lacking();
  if (lacks !== '') throw new Error(`no real Cassandra can be moved here, for want of ${lacks}`);
  process.env.LM_CASSANDRA_JAVA = java();
  process.env.LM_CASSANDRA_CLASSPATH = classpath();
  const [, version] = /cassandra-all-([\d.]+\w*)\.jar/.exec(process.env.LM_CASSANDRA_CLASSPATH) ?? [];
  process.env.LM_SERVICE = `Cassandra ${version}`;
}
