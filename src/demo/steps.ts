// The steps of `lm demo`: a whole migration, with the commands that an operator would type. hosts.ts runs and shows them.

import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { EXIT } from '../exit-codes.js';
import type { DemoHost, DemoHosts } from './hosts.js';
import { createTables, type Service, startService } from './service.js';

/** Resolves to 0, or to the exit code of the first command that ended with an unexpected one. */
export async function runDemo(hosts: DemoHosts): Promise<number> {
  const source = hosts.host('source', []);
  // The port of the service on the destination; lm checks it before it changes data.
  const destination = hosts.host('destination', [`guard_port: [${await freePort()}]`]);
  createTables(source.data, source.commitlog);
  hosts.announce('the agent of the source, whose service goes on writing');
  const url = await hosts.serve(source);
  const service = startService(source.data, source.commitlog);
  try {
    return await runSteps(hosts, stepsOf(source, destination, url, service));
  } finally {
    service.stop();
  }
}

interface Step {
  title: () => string;
  before?: () => void;
  commands: [host: DemoHost, args: string[], expected?: number][];
}

async function runSteps(hosts: DemoHosts, steps: Step[]): Promise<number> {
  for (const { title, before, commands } of steps) {
    before?.();
    hosts.announce(title());
    for (const [host, args, expected = EXIT.ok] of commands) {
      const code = await hosts.run(host, args);
      if (code !== expected) return code || EXIT.bug;
      if (code !== EXIT.ok) hosts.announce(`exit code ${code}, as it should be`);
    }
  }
  return EXIT.ok;
}

/** The migration that README describes. */
const stepsOf = (source: DemoHost, destination: DemoHost, url: string, service: Service): Step[] => [
  {
    title: () => 'copy while the source is written to; repeat at will',
    commands: [[destination, ['copy', url, '--threshold', '0.95']]],
  },
  {
    title: () => `stop the service, which made ${service.changes()} changes meanwhile; then the final pass`,
    before: () => service.stop(),
    commands: [[destination, ['copy', '--threshold', '1.0']]],
  },
  {
    title: () => 'prove it',
    commands: [[destination, ['verify', '--algo', 'xxhash32']]],
  },
  {
    title: () => 'complete on both hosts: nothing can be copied by mistake any more',
    commands: [
      [destination, ['complete']],
      [source, ['complete']],
      [destination, ['copy'], EXIT.refused],
    ],
  },
  {
    title: () => 'start the service on the destination, and forget the migration',
    commands: [
      [destination, ['reset']],
      [source, ['reset']],
    ],
  },
];

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
