// The plot of `lm demo`: a whole migration, by the commands an operator would type. How a command is run and shown is stage.ts's to know.

import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { EXIT } from '../exit-codes.js';
import { createTables, type Service, startService } from './service.js';
import type { Host, Stage } from './stage.js';

/** Resolves to the exit code of the command that ended otherwise than it should, else to 0. */
export async function playDemo(stage: Stage): Promise<number> {
  const source = stage.host('source', []);
  // Where the service would listen on the destination; lm looks before it touches the data.
  const destination = stage.host('destination', [`guard_port: [${await freePort()}]`]);
  createTables(source.data, source.commitlog);
  stage.tell('the agent of the source, whose service goes on writing');
  const url = await stage.serve(source);
  const service = startService(source.data, source.commitlog);
  try {
    return await play(stage, plot(source, destination, url, service));
  } finally {
    service.stop();
  }
}

interface Act {
  says: () => string;
  first?: () => void;
  commands: [host: Host, args: string[], expected?: number][];
}

async function play(stage: Stage, acts: Act[]): Promise<number> {
  for (const { says, first, commands } of acts) {
    first?.();
    stage.tell(says());
    for (const [host, args, expected = EXIT.ok] of commands) {
      const code = await stage.lm(host, args);
      if (code !== expected) return code || EXIT.bug;
      if (code !== EXIT.ok) stage.tell(`exit code ${code}, as it should be`);
    }
  }
  return EXIT.ok;
}

/** As README tells it. */
const plot = (source: Host, destination: Host, url: string, service: Service): Act[] => [
  {
    says: () => 'copy while the source is written to; repeat at will',
    commands: [[destination, ['copy', url, '--threshold', '0.95']]],
  },
  {
    says: () => `stop the service, which made ${service.changes()} changes meanwhile; then the final pass`,
    first: () => service.stop(),
    commands: [[destination, ['copy', '--threshold', '1.0']]],
  },
  {
    says: () => 'prove it',
    commands: [[destination, ['verify', '--algo', 'xxhash32']]],
  },
  {
    says: () => 'complete on both hosts: nothing can be copied by mistake any more',
    commands: [
      [destination, ['complete']],
      [source, ['complete']],
      [destination, ['copy'], EXIT.refused],
    ],
  },
  {
    says: () => 'start the service on the destination, and forget the migration',
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
