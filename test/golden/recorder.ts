// Between a client and the agent, and writes down every byte of both. Takes apart no more of HTTP than where an exchange begins.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** One request and its answer, as they came. */
export interface Exchange {
  request: Buffer[];
  answer: Buffer[];
}

export interface Recorder {
  url: string;
  /** What has begun since the last call, in the order of beginning. */
  take(): Exchange[];
  /** The nth request from now whose first bytes match gets no answer; resolves once all of it is there. */
  hold(pattern: RegExp, nth: number): Promise<void>;
  stop(): Promise<void>;
}

export async function startRecorder(target: string): Promise<Recorder> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let exchanges: Exchange[] = [];
  let isHeld = (_: Buffer): boolean => false;
  let allOfHeld = (): void => {};

  const server = createServer((client) => {
    const agent = connect(Number(port), hostname);
    let current: Exchange | undefined;
    let held = false;
    for (const socket of [client, agent]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => {}); // 'close' follows, and takes the other end down
      socket.on('close', () => sockets.delete(socket));
    }
    client.on('data', (bytes) => {
      if (!current || current.answer.length > 0) {
        current = { request: [], answer: [] };
        exchanges.push(current);
        held ||= isHeld(bytes);
      }
      current.request.push(bytes);
      if (!held) agent.write(bytes);
      else if (isWhole(Buffer.concat(current.request))) allOfHeld();
    });
    agent.on('data', (bytes) => {
      current?.answer.push(bytes);
      client.write(bytes);
    });
    client.on('end', () => agent.end()).on('close', () => agent.destroy());
    agent.on('end', () => client.end()).on('close', () => client.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    take() {
      const taken = exchanges;
      exchanges = [];
      return taken;
    },
    hold: (pattern, nth) =>
      new Promise((resolve) => {
        allOfHeld = resolve;
        isHeld = (bytes) => pattern.test(bytes.toString('latin1')) && --nth === 0;
      }),
    async stop() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function isWhole(request: Buffer): boolean {
  const end = request.indexOf('\r\n\r\n');
  const length = /^content-length: (\d+)\r$/im.exec(request.toString('latin1', 0, end + 2))?.[1] ?? 0;
  return end >= 0 && request.length === end + 4 + Number(length);
}
