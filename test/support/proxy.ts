// A bad network on loopback: forwards TCP, and slows, cuts, stalls, delays or changes the answers. Does not parse HTTP.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

export interface ProxyOptions {
  /** Wait before each piece of an answer is passed on. */
  delayMs?: number;
  /** The rate of answers, all connections together: a slow network. */
  bytesPerSecond?: number;
  /** Cuts the connection once, when so many bytes of answers have passed, all connections together. */
  cutAfter?: number;
  /** Pass nothing more after so many bytes, and keep the connections open. */
  stallAfter?: number;
  /** Invert the lowest bit of the byte at this offset of all answers. */
  flipAt?: number | undefined;
  /** Invert the lowest bit of the byte at this offset of all requests. */
  flipRequestAt?: number | undefined;
  /** Called with each piece of an answer that is passed on, and of a request. */
  heard?: (answer: Buffer) => void;
  asked?: (request: Buffer) => void;
  /** Makes an lm agent look like a Sidecar: its `lm-…` response headers get an unknown name. */
  asSidecar?: boolean;
}

export interface BadNetwork {
  url: string;
  /** Bytes of answers passed on so far. */
  passed(): number;
  /** Bytes of requests passed on so far. */
  sent(): number;
  /** Resolves when so many bytes of answers have been passed on. */
  hasPassed(bytes: number): Promise<void>;
  /** Resolves when `stallAfter` has been reached. */
  stalled: Promise<void>;
  /** Ends every open connection; new ones are served, and do not stall. */
  cut(): void;
  stop(): Promise<void>;
}

export async function startProxy(target: string, options: ProxyOptions = {}): Promise<BadNetwork> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  const answers = new Answers(options);
  let sent = 0;
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => {}); // 'close' follows, and closes the other end
    }
    client.on('close', () => upstream.destroy()).on('close', () => sockets.delete(client));
    upstream.on('close', () => sockets.delete(upstream));
    client.on('data', (chunk: Buffer) => {
      const from = sent;
      sent += chunk.length;
      options.asked?.(chunk);
      const { flipRequestAt: at } = options;
      if (at !== undefined && from <= at && at < sent) chunk[at - from]! ^= 1;
      upstream.write(chunk);
    });
    client.on('end', () => upstream.end());
    void forward(upstream, client, answers);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    answers.flow();
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    passed: () => answers.passed,
    sent: () => sent,
    hasPassed: (bytes) => answers.hasPassed(bytes),
    stalled: answers.stalled,
    cut,
    async stop() {
      const closed = once(server, 'close');
      server.close();
      cut();
      await closed;
    },
  };
}

async function forward(upstream: Socket, client: Socket, answers: Answers): Promise<void> {
  try {
    for await (const chunk of upstream) {
      const bytes = await answers.next(chunk);
      if (bytes === 'cut') client.destroy();
      else if (!client.write(bytes)) await Promise.race([once(client, 'drain'), once(client, 'close')]);
      if (client.destroyed) return;
    }
    client.end();
  } catch {
    client.destroy(); // the client sees that the upstream has gone
  }
}

/** Changes answers, and counts their bytes over all connections. */
class Answers {
  passed = 0;
  readonly stalled: Promise<void>;
  readonly #options: ProxyOptions;
  #stall: () => void = () => {};
  #stallAfter: number | undefined;
  #hasCut = false;
  #freeMs = 0;
  #waiting: { bytes: number; wake: () => void }[] = [];

  constructor(options: ProxyOptions) {
    this.#options = options;
    this.#stallAfter = options.stallAfter;
    this.stalled = new Promise((resolve) => {
      this.#stall = resolve;
    });
  }

  flow(): void {
    this.#stallAfter = undefined;
  }

  hasPassed(bytes: number): Promise<void> {
    if (this.passed >= bytes) return Promise.resolve();
    return new Promise((wake) => void this.#waiting.push({ bytes, wake }));
  }

  /** One piece after another, over all connections. */
  async #lineFor(bytes: number): Promise<void> {
    const { bytesPerSecond } = this.#options;
    if (!bytesPerSecond) return;
    const nowMs = performance.now();
    this.#freeMs = Math.max(this.#freeMs, nowMs) + (bytes / bytesPerSecond) * 1_000;
    await pause(this.#freeMs - nowMs);
  }

  #count(bytes: number): void {
    this.passed += bytes;
    for (const { wake } of this.#waiting.filter(({ bytes }) => bytes <= this.passed)) wake();
    this.#waiting = this.#waiting.filter(({ bytes }) => bytes > this.passed);
  }

  async next(chunk: Buffer): Promise<Buffer | 'cut'> {
    const { delayMs, cutAfter, flipAt, asSidecar, heard } = this.#options;
    await this.#lineFor(chunk.length);
    const from = this.passed;
    this.#count(chunk.length);
    if (delayMs) await pause(delayMs);
    if (this.#stallAfter !== undefined && this.passed > this.#stallAfter) {
      this.#stall();
      await new Promise(() => {}); // until the process or the proxy ends
    }
    if (cutAfter !== undefined && this.passed > cutAfter && !this.#hasCut) {
      this.#hasCut = true;
      return 'cut';
    }
    heard?.(chunk);
    if (flipAt !== undefined && from <= flipAt && flipAt < this.passed) chunk[flipAt - from]! ^= 1;
    return asSidecar ? withoutAgent(chunk) : chunk;
  }
}

/** Keeps the length, so that nothing else moves. Over loopback a head always comes in one piece. */
function withoutAgent(chunk: Buffer): Buffer {
  for (const name of ['\r\nlm-agent:', '\r\nlm-max-concurrent-file-requests:']) {
    const at = chunk.indexOf(name);
    if (at >= 0) chunk.write('xx', at + 2, 'latin1');
  }
  return chunk;
}
