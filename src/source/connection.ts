// One keep-alive connection of a lane: a request out, a response in through one reused buffer. Knows no files.

import { connect, isIP, type OnReadOpts, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import type { Pacer } from '../wire/rate.js';
import { createResponseReader, type ResponseSink } from '../wire/response.js';
import type { Method } from '../wire/routes.js';
import { TLS_CLIENT } from '../wire/tls.js';
import { PATIENCE, type Patience, STALLED, stalledText, Watch } from './patience.js';
import { PINNED, pinFault } from './pin.js';

/** Where the bytes come from. Plain data: it crosses threads. */
export interface Origin {
  host: string;
  port: number;
  /** PEM texts, and what `pin.ts` goes by; absent for plain HTTP. */
  tls?: Partial<Record<'ca' | 'cert' | 'key' | 'pin', string | undefined>>;
  /** Sent as a bearer token. */
  token?: string;
}

export interface Request {
  method: Method;
  /** Sent as it stands: a Sidecar's paths are not percent-encoded. */
  target: string;
  headers?: Record<string, string> | undefined;
  body?: Uint8Array;
}

/** The most a TLS record holds (RFC 8446, 5.1). */
const RECORD_BYTES = 16 * 1024;

export class Connection {
  readonly #origin: Origin;
  readonly #buffer: Uint8Array;
  readonly #pacer: Pacer;
  readonly #patience: Pick<Patience, 'silenceMs' | 'secondMs' | 'sayMs'>;
  #watch: Watch | undefined;
  #reader = createResponseReader();
  #socket: Socket | undefined;
  #settle: { resolve(): void; reject(error: unknown): void } | undefined;
  #closes = false;
  /** What was read and not pushed yet: from here to there in the buffer. The socket reads on behind it. */
  #from = 0;
  #to = 0;
  #flush: NodeJS.Immediate | undefined;

  /** `buffer` is what the socket reads into; over TLS it holds several records, which are at most 16 KiB. */
  constructor(origin: Origin, buffer: Uint8Array, pacer: Pacer, patience = PATIENCE) {
    this.#origin = origin;
    this.#buffer = buffer;
    this.#pacer = pacer;
    this.#patience = patience;
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
    this.#unwatch();
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
    const { pin, ...pem } = tls ?? {};
    const judged = pin === undefined ? pem : { ...pem, ...PINNED };
    const secured: ConnectionOptions & typeof plain = { ...plain, ...TLS_CLIENT, ...judged, servername };
    const socket = tls ? connectTls(secured) : connect(plain);
    if (pin !== undefined) this.#prove(socket as TLSSocket, pin);
    const fail = (error: Error): void => this.#fail(socket, error);
    const { silenceMs, secondMs } = this.#patience;
    socket.setTimeout((silenceMs / 1000) * secondMs, () => fail(fault(STALLED, stalledText('files', 0, silenceMs))));
    socket.on('error', fail);
    socket.on('end', () => fail(fault('ECONNRESET', 'the source closed the connection')));
    socket.on('close', () => fail(fault('ECONNRESET', 'the connection was closed')));
    return socket;
  }

  /** As Node refuses a certificate: what was written before waits for the handshake, and goes with the socket. */
  #prove(socket: TLSSocket, pin: string): void {
    socket.once('secureConnect', () => {
      const mismatch = pinFault(socket, pin);
      if (mismatch) this.#fail(socket, mismatch);
    });
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
    const socket = this.#socket;
    if (this.#settle && socket) this.#watch ??= this.#watchOver(socket);
    const waitMs = this.#pacer.take(chunk.length);
    if (waitMs <= 0 || !socket) return true;
    this.#watch?.rest();
    socket.pause();
    setTimeout(() => {
      this.#watch?.wait();
      socket.resume();
    }, waitMs);
    return false;
  }

  /** From the first bytes of an answer to the last: a drip keeps the socket's own timeout from coming. */
  #watchOver(socket: Socket): Watch {
    const end = ({ message }: Error): void => this.#fail(socket, fault(STALLED, message));
    return new Watch({ asked: 'files', silenceMs: this.#patience.silenceMs, end }, this.#patience);
  }

  #unwatch(): void {
    this.#watch?.stop();
    this.#watch = undefined;
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
