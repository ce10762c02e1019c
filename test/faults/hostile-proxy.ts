// A network that does its worst to chosen answers: it knows where in an HTTP/1.1 answer each byte stands, and cuts, holds, changes
// or replaces it there. What has no Content-Length ends where the next request begins.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** An answer that is about to begin. */
export interface Asked {
  /** `POST /api/…`, without the query. */
  request: string;
  /** All that has come of it so far: its head, and once it is answered its body. */
  text: string;
  /** Of all answers so far. */
  index: number;
}

/** What may be known when the head is there. */
export interface Answer extends Asked {
  headBytes: number;
  /** Undefined when the head does not say. */
  bodyBytes: number | undefined;
}

export type Deed =
  /** Offsets count from the first byte of the answer, head included. */
  | { do: 'cut'; at: number }
  | { do: 'flip'; at: number; bit: number }
  /** Nothing more is passed on over this connection, which stays open. */
  | { do: 'stall'; at: number }
  /** Goes on when `until` resolves. */
  | { do: 'hold'; at: number; until: () => Promise<unknown> }
  /** Something else is said, and the connection closed. */
  | { do: 'say'; text: string };

export interface HostileProxy {
  url: string;
  /** What the proxy has done, by name. */
  done: string[];
  /** Bytes of answers that have come so far. */
  passed(): number;
  stop(): Promise<void>;
}

/** `instead` is asked before a request is passed on (say, hold), `during` when its answer's head has come. */
export interface Plot {
  instead?(asked: Asked): Deed | undefined;
  during?(answer: Answer): Deed | undefined;
}

export async function startHostileProxy(target: string, plot: Plot): Promise<HostileProxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  const done: string[] = [];
  let answers = 0;
  let passed = 0;
  const count = {
    next: () => answers++,
    bytes(came: number) {
      passed += came;
    },
  };
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket.setNoDelay(true));
      socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    }
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.end());
    converse(client, upstream, plot, done, count).catch(() => client.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    done,
    passed: () => passed,
    async stop() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** One connection. Requests follow one another; a new one begins with the first byte after an answer's last. */
async function converse(
  client: Socket,
  upstream: Socket,
  plot: Plot,
  done: string[],
  count: { next(): number; bytes(came: number): void },
): Promise<void> {
  let asked: Asked | undefined;
  let deed: Deed | undefined;
  let head = Buffer.alloc(0);
  let [at, end] = [0, 0];
  client.on('data', (chunk: Buffer) => {
    if (!asked || end === Number.POSITIVE_INFINITY) {
      const text = chunk.toString('latin1');
      asked = { request: text.split(/[ ?]/, 2).join(' '), text, index: count.next() };
      [at, end, head, deed] = [0, 0, Buffer.alloc(0), plot.instead?.(asked)];
      if (deed?.do === 'say') {
        done.push('say');
        client.end(deed.text);
        return void upstream.destroy();
      }
      if (deed?.do === 'hold') {
        const { until } = deed;
        deed = undefined;
        done.push('hold');
        client.pause();
        return void until().then(() => {
          upstream.write(chunk);
          client.resume();
        });
      }
    } else asked.text += chunk.toString('latin1');
    upstream.write(chunk);
  });
  for await (const chunk of upstream as AsyncIterable<Buffer>) {
    count.bytes(chunk.length);
    if (asked && end === 0) {
      head = Buffer.concat([head, chunk]);
      const headBytes = head.indexOf('\r\n\r\n') + 4;
      const length = /\r\ncontent-length: *(\d+)/i.exec(head.toString('latin1', 0, headBytes))?.[1];
      if (headBytes >= 4) end = length === undefined ? Number.POSITIVE_INFINITY : headBytes + Number(length);
      if (end > 0)
        deed ??= plot.during?.({ ...asked, headBytes, bodyBytes: length === undefined ? undefined : Number(length) });
    }
    const struck = deed && deed.do !== 'say' && deed.at < at + chunk.length ? deed : undefined;
    if (struck) {
      deed = undefined;
      done.push(struck.do);
      const before = Math.max(0, struck.at - at);
      if (struck.do === 'flip') chunk[before]! ^= 1 << struck.bit;
      else client.write(chunk.subarray(0, before));
      if (struck.do === 'cut') return void client.destroySoon();
      if (struck.do === 'stall') return void (await once(client, 'close'));
      if (struck.do === 'hold') await struck.until();
      if (struck.do === 'hold') client.write(chunk.subarray(before));
      else await pass(client, chunk);
    } else await pass(client, chunk);
    at += chunk.length;
    if (end > 0 && at >= end) asked = undefined;
  }
}

async function pass(client: Socket, chunk: Buffer): Promise<void> {
  if (!client.write(chunk)) await Promise.race([once(client, 'drain'), once(client, 'close')]);
}
