// One keep-alive connection of a lane: a request out, a response in through one reused buffer. Knows no files.

import { connect, isIP, type OnReadOpts, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type { Pacer } from '../wire/rate.js';
import { createResponseReader, type ResponseSink } from '../wire/response.js';

/** Where the bytes come from. Plain data: it crosses threads. */
export interface Origin {
  host: string;
  port: number;
  /** PEM texts; absent for plain HTTP. */
  tls?: { ca?: string; cert?: string; key?: string };
  /** Sent as a bearer token. */
  token?: string;
}

export interface Request {
  method: 'GET' | 'POST';
  /** Sent as it stands: a Sidecar's paths are not percent-encoded. */
  target: string;
  headers?: Record<string, string>;
  body?: Uint8Array;
}

/** No byte for so long means that the other side is gone. An agent sends something every 5 s at the least. */
const IDLE_MS = 30_000;

/** The most a TLS record holds (RFC 8446, 5.1). */
const RECORD_BYTES = 16 * 1024;

export class Connection {
  readonly #origin: Origin;
  readonly #buffer: Uint8Array;
  readonly #pacer: Pacer;
  #reader = createResponseReader();
  #socket: Socket | undefined;
  #settle: { resolve(): void; reject(error: unknown): void } | undefined;
  #closes = false;
  /** What was read and not pushed yet: from here to there in the buffer. The socket reads on behind it. */
  #from = 0;
  #to = 0;
  #flush: NodeJS.Immediate | undefined;

  /** `buffer` is what the socket reads into; over TLS it holds several records, which are at most 16 KiB. */
  constructor(origin: Origin, buffer: Uint8Array, pacer: Pacer) {
    this.#origin = origin;
    this.#buffer = buffer;
    this.#pacer = pacer;
  }

  /** Whether the next request would go over a connection that has served one before, and so may have died since. */
  get reused(): boolean {
    return this.#socket !== undefined;
  }

  /** Resolves when the response has been read to its end. Rejects with what the network, the reader or the sink threw. */
  request(request: Request, sink: ResponseSink): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#reader.expect({
        head: (head) => {
          this.#closes = head.closes;
          sink.head(head);
        },
        body: (chunk) => sink.body(chunk),
        end: () => {
          sink.end();
          if (this.#closes) this.#drop();
          this.#settle?.resolve();
          this.#settle = undefined;
        },
      });
      this.#socket ??= this.#open();
      this.#socket.write(this.#headOf(request));
      if (request.body) this.#socket.write(request.body);
    });
  }

  /** What was under way is rejected. */
  close(): void {
    this.#end(fault('ECONNRESET', 'the connection was closed'));
  }

  #drop(): void {
    if (this.#flush) clearImmediate(this.#flush);
    this.#flush = undefined;
    this.#socket?.destroy();
    this.#socket = undefined;
    this.#from = 0;
    this.#to = 0;
    this.#reader = createResponseReader(); // what was under way will not be finished
  }

  #headOf({ method, target, headers = {}, body }: Request): string {
    const { host, port, token } = this.#origin;
    const fields: Record<string, string> = {
      Host: `${host.includes(':') ? `[${host}]` : host}:${port}`,
      'User-Agent': 'lm',
      ...(token !== undefined && { Authorization: `Bearer ${token}` }),
      ...(body && { 'Content-Length': `${body.length}` }),
      ...headers,
    };
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
    return `${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`;
  }

  #open(): Socket {
    const { host, port, tls } = this.#origin;
    const onread: OnReadOpts = tls
      ? { buffer: () => this.#free(), callback: (bytes) => this.#gather(bytes) }
      : { buffer: this.#buffer, callback: (bytes) => this.#push(this.#buffer.subarray(0, bytes)) };
    const servername = isIP(host) ? '' : host; // an address is no server name (RFC 6066, 3)
    const plain = { host, port, noDelay: true, onread };
    const secured: ConnectionOptions & typeof plain = { ...plain, ...tls, servername, minVersion: 'TLSv1.2' };
    const socket = tls ? connectTls(secured) : connect(plain);
    const fail = (error: Error): void => this.#fail(socket, error);
    socket.setTimeout(IDLE_MS, () => fail(fault('ETIMEDOUT', 'the source has sent nothing for 30 s')));
    socket.on('error', fail);
    socket.on('end', () => fail(fault('ECONNRESET', 'the source closed the connection')));
    socket.on('close', () => fail(fault('ECONNRESET', 'the connection was closed')));
    return socket;
  }

  /** Where the socket reads to next. It asks right after each read, and keeps the place until then. */
  #free(): Uint8Array {
    if (this.#isFull()) {
      this.#from = 0;
      this.#to = 0;
    }
    return this.#buffer.subarray(this.#to);
  }

  /** Collects decrypted records until the buffer is nearly full or nothing more has come in this turn of the loop. */
  #gather(bytes: number): boolean {
    this.#to += bytes;
    if (this.#isFull()) return this.#flushGathered();
    this.#flush ??= setImmediate(() => this.#flushGathered());
    return true;
  }

  /** TLS hands over records; writing each by itself would cost a system call apiece. */
  #isFull(): boolean {
    return this.#to > this.#buffer.length - 2 * RECORD_BYTES;
  }

  #flushGathered(): boolean {
    if (this.#flush) clearImmediate(this.#flush);
    this.#flush = undefined;
    const chunk = this.#buffer.subarray(this.#from, this.#to);
    this.#from = this.#to;
    return chunk.length === 0 || this.#push(chunk);
  }

  /** Returns whether the socket may go on reading at once. */
  #push(chunk: Uint8Array): boolean {
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.#fail(this.#socket, error);
      return true;
    }
    const waitMs = this.#pacer.take(chunk.length);
    const socket = this.#socket;
    if (waitMs <= 0 || !socket) return true;
    socket.pause();
    setTimeout(() => socket.resume(), waitMs);
    return false;
  }

  /** A socket that was given up says that it is closed a little later, when another may have taken its place. */
  #fail(socket: Socket | undefined, error: unknown): void {
    if (socket !== this.#socket) return;
    if (this.#to > this.#from) this.#flushGathered(); // which may end the response, or fail
    if (socket === this.#socket) this.#end(error);
  }

  #end(error: unknown): void {
    this.#drop();
    this.#settle?.reject(error);
    this.#settle = undefined;
  }
}

const fault = (code: string, message: string): Error => Object.assign(new Error(message), { code });
