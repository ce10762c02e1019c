// A bad network on loopback: forwards TCP, and slows, cuts, stalls, delays, or changes what comes back. Understands no HTTP.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

export interface ProxyOptions {
  /** Wait before each piece of an answer is passed on. */
  delayMs?: number;
  /** Of answers, all connections together: a slow line. */
  bytesPerSecond?: number;
  /** Cut the connection under way once, when so many bytes of answers have passed, all connections together. */
  cutAfter?: number;
  /** Pass nothing more after so many bytes, and keep the connections open. */
  stallAfter?: number;
  /** Invert the lowest bit of the byte at this offset of all answers. */
  flipAt?: number;
  /** Make an lm agent look like a Sidecar: its `lm-…` response headers get a name nobody knows. */
  asSidecar?: boolean;
}

export interface BadNetwork {
  url: string;
  /** Bytes of answers passed on so far. */
  passed(): number;
  /** Resolves when so many bytes of answers have been passed on. */
  hasPassed(bytes: number): Promise<void>;
  /** Resolves when `stallAfter` has been reached. */
  stalled: Promise<void>;
  /** Ends every connection under way; new ones are served, and stall no more. */
  cut(): void;
  stop(): Promise<void>;
}

export async function startProxy(target: string, options: ProxyOptions = {}): Promise<BadNetwork> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  const answers = new Answers(options);
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => {}); // 'close' follows and takes the other end down
    }
    client.on('close', () => upstream.destroy()).on('close', () => sockets.delete(client));
    upstream.on('close', () => sockets.delete(upstream));
    client.pipe(upstream);
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
    client.destroy(); // an upstream that went away is the client's to notice
  }
}

/** What is done to answers, counted over all connections. */
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

  /** The line takes one piece after another, whichever connection they are of. */
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
    const { delayMs, cutAfter, flipAt, asSidecar } = this.#options;
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
    if (flipAt !== undefined && from <= flipAt && flipAt < this.passed) chunk[flipAt - from]! ^= 1;
    return asSidecar ? withoutAgent(chunk) : chunk;
  }
}

/** Equal in length, so that nothing else moves. A head always comes in one piece over loopback. */
function withoutAgent(chunk: Buffer): Buffer {
  for (const name of ['\r\nlm-agent:', '\r\nlm-max-concurrent-file-requests:']) {
    const at = chunk.indexOf(name);
    if (at >= 0) chunk.write('xx', at + 2, 'latin1');
  }
  return chunk;
}
