// One keep-alive connection of a transfer worker: sends a request and reads the response through one reused buffer.

import { connect, isIP, type OnReadOpts, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { LOOK_MS, type Pacer } from '../pace/rate.js';
import { createResponseReader, type ResponseSink } from '../wire/response.js';
import type { Method } from '../wire/routes.js';
import { TLS_CLIENT } from '../wire/tls.js';
import { PATIENCE, type Patience, STALLED, stalledText, Watch } from './patience.js';
import { PINNED, pinFault } from './pin.js';

/** Where and how to connect to the source. Plain data: it crosses threads. */
export interface Endpoint {
  host: string;
  port: number;
  /** PEM texts, and the pinned fingerprint (`pin.ts`); absent for plain HTTP. */
  tls?: Partial<Record<'ca' | 'cert' | 'key' | 'pin', string | undefined>>;
  /** Sent as a bearer token. */
  token?: string;
  /** Sent with every request. */
  headers?: Record<string, string>;
}

export interface HttpRequest {
  method: Method;
  /** Sent unchanged: a Sidecar's paths are not percent-encoded. */
  target: string;
  headers?: Record<string, string> | undefined;
  body?: Uint8Array;
}

/** The maximum of a TLS record (RFC 8446, 5.1). */
const RECORD_BYTES = 16 * 1024;

export class Connection {
  readonly #endpoint: Endpoint;
  readonly #buffer: Uint8Array;
  readonly #pacer: Pacer;
  readonly #patience: Pick<Patience, 'silenceMs' | 'secondMs' | 'reportMs'>;
  #watch: Watch | undefined;
  #reader = createResponseReader();
  #socket: Socket | undefined;
  #pending: { resolve(): void; reject(error: unknown): void } | undefined;
  #closes = false;
  /** Range of the buffer that was read and not pushed yet. The socket reads on behind it. */
  #from = 0;
  #to = 0;
  #flush: NodeJS.Immediate | undefined;

  /** The socket reads into `buffer`; over TLS it holds several records, which are at most 16 KiB. */
  constructor(origin: Endpoint, buffer: Uint8Array, pacer: Pacer, patience = PATIENCE) {
    this.#endpoint = origin;
    this.#buffer = buffer;
    this.#pacer = pacer;
    this.#patience = patience;
  }

  /** Whether the next request would use a connection that has served one before, and so may have been closed since. */
  get isReused(): boolean {
    return this.#socket !== undefined;
  }

  /** Resolves when the response has been read to its end. Rejects with the error of the network, the reader or the sink. */
  request(request: HttpRequest, sink: ResponseSink): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject };
      this.#reader.expect({
        head: (head) => {
          this.#closes = head.closes;
          this.#watch?.progressed();
          sink.head(head);
        },
        body: (chunk) => {
          this.#watch?.received(chunk.length);
          sink.body(chunk);
        },
        end: () => {
          sink.end();
          this.#unwatch();
          if (this.#closes) this.#drop();
          this.#pending?.resolve();
          this.#pending = undefined;
        },
      });
      this.#socket ??= this.#open();
      this.#socket.write(this.#headOf(request));
      if (request.body) this.#socket.write(request.body);
    });
  }

  /** Rejects the request under way. */
  close(): void {
    this.#end(fault('ECONNRESET', 'the connection was closed'));
  }

  #drop(): void {
    if (this.#flush) clearImmediate(this.#flush);
    this.#flush = undefined;
    this.#unwatch();
    this.#socket?.destroy();
    this.#socket = undefined;
    this.#from = 0;
    this.#to = 0;
    this.#reader = createResponseReader(); // the old one may be in the middle of a response
  }

  #headOf({ method, target, headers = {}, body }: HttpRequest): string {
    const { host, port, token, headers: always } = this.#endpoint;
    const fields: Record<string, string> = {
      Host: `${host.includes(':') ? `[${host}]` : host}:${port}`,
      'User-Agent': 'lm',
      ...(token !== undefined && { Authorization: `Bearer ${token}` }),
      ...(body && { 'Content-Length': `${body.length}` }),
      ...always,
      ...headers,
    };
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
    return `${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`;
  }

  #open(): Socket {
    const { host, port, tls } = this.#endpoint;
    const onread: OnReadOpts = tls
      ? { buffer: () => this.#free(), callback: (bytes) => this.#gather(bytes) }
      : { buffer: this.#buffer, callback: (bytes) => this.#push(this.#buffer.subarray(0, bytes)) };
    const servername = isIP(host) ? '' : host; // an address is no server name (RFC 6066, 3)
    const plain = { host, port, noDelay: true, onread };
    const { pin, ...pem } = tls ?? {};
    const judged = pin === undefined ? pem : { ...pem, ...PINNED };
    const secured: ConnectionOptions & typeof plain = { ...plain, ...TLS_CLIENT, ...judged, servername };
    const socket = tls ? connectTls(secured) : connect(plain);
    if (pin !== undefined) this.#checkPin(socket as TLSSocket, pin);
    const fail = (error: Error): void => this.#fail(socket, error);
    const { silenceMs, secondMs } = this.#patience;
    socket.setTimeout((silenceMs / 1000) * secondMs, () => fail(fault(STALLED, stalledText('files', 0, silenceMs))));
    socket.on('error', fail);
    socket.on('end', () => fail(fault('ECONNRESET', 'the source closed the connection')));
    socket.on('close', () => fail(fault('ECONNRESET', 'the connection was closed')));
    return socket;
  }

  /** Fails the connection as Node does for a bad certificate: data written before the end of the handshake is never sent. */
  #checkPin(socket: TLSSocket, pin: string): void {
    socket.once('secureConnect', () => {
      const mismatch = pinFault(socket, pin);
      if (mismatch) this.#fail(socket, mismatch);
    });
  }

  /** The free rest of the buffer, into which the socket reads next. It calls this right after each read. */
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

  /** TLS hands over one record at a time; to write each to the file alone would take a system call per record. */
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

  /** Returns whether the socket may read on at once. */
  #push(chunk: Uint8Array): boolean {
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.#fail(this.#socket, error);
      return true;
    }
    const socket = this.#socket;
    if (this.#pending && socket) this.#watch ??= this.#watchOver(socket);
    const waitMs = this.#pacer.take(chunk.length);
    if (waitMs <= 0 || !socket) return true;
    this.#watch?.rest();
    socket.pause();
    this.#rest(socket, waitMs);
    return false;
  }

  #rest(socket: Socket, waitMs: number): void {
    const lookMs = Math.min(waitMs, LOOK_MS);
    setTimeout(() => {
      if (socket !== this.#socket) return; // it was given up meanwhile
      const leftMs = Math.min(waitMs - lookMs, this.#pacer.take(0));
      if (leftMs > 0) return this.#rest(socket, leftMs);
      this.#watch?.wait();
      socket.resume();
    }, lookMs);
  }

  /** Watches an answer from its first bytes to the last: a slow drip keeps the socket's own timeout from firing. */
  #watchOver(socket: Socket): Watch {
    const end = ({ message }: Error): void => this.#fail(socket, fault(STALLED, message));
    return new Watch({ what: 'files', silenceMs: this.#patience.silenceMs, end }, this.#patience);
  }

  #unwatch(): void {
    this.#watch?.stop();
    this.#watch = undefined;
  }

  /** Ignores a socket that was given up: it emits `close` later, when another may be in use. */
  #fail(socket: Socket | undefined, error: unknown): void {
    if (socket !== this.#socket) return;
    if (this.#to > this.#from) this.#flushGathered(); // this may end the response, or fail
    if (socket === this.#socket) this.#end(error);
  }

  #end(error: unknown): void {
    this.#drop();
    this.#pending?.reject(error);
    this.#pending = undefined;
  }
}

const fault = (code: string, message: string): Error => Object.assign(new Error(message), { code });
