// The Java of this machine, and what Cassandra wants of it on its command line.

export const JAVA = process.env['LM_CASSANDRA_JAVA'] ?? 'java';

/** As setup.js has found it. */
export function classpath(): string {
  const found = process.env['LM_CASSANDRA_CLASSPATH'];
  if (!found) throw new Error('no Cassandra was fetched: run it as npm run test:cassandra');
  return found;
}

/** Cassandra measures its objects by this agent. */
export const jamm = (): string =>
  classpath()
    .split(':')
    .find((jar) => /\/jamm-[^/]+\.jar$/.test(jar))!;

/** Parts of Java that are closed from 17 on, and that Cassandra reaches into: its conf/jvm17-server.options. */
export const MODULES: readonly string[] = [
  ...[
    'java.base/java.lang.ref',
    'java.base/jdk.internal.misc',
    'java.management.rmi/com.sun.jmx.remote.internal.rmi',
    'java.rmi/sun.rmi.registry',
    'java.rmi/sun.rmi.server',
    'java.sql/java.sql',
    'jdk.unsupported/sun.misc',
  ].map((name) => `--add-exports=${name}=ALL-UNNAMED`),
  ...[
    ...[
      'io',
      'lang',
      'lang.module',
      'lang.reflect',
      'net',
      'nio',
      'util',
      'util.concurrent',
      'util.concurrent.atomic',
    ].map((name) => `java.base/java.${name}`),
    ...['loader', 'math', 'module', 'ref', 'reflect', 'util.jar'].map((name) => `java.base/jdk.internal.${name}`),
    'java.base/sun.nio.ch',
    'jdk.management/com.sun.management.internal',
  ].map((name) => `--add-opens=${name}=ALL-UNNAMED`),
];
