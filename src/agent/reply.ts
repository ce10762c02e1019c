// The reply to a request, as a value: status, headers and body. `send.ts` writes it to the socket.

import { STATUS_CODES } from 'node:http';

export interface Reply {
  status: number;
  /** Names in lower case. Without a content-length, the body is sent in HTTP's chunked coding. */
  headers: Record<string, string | number>;
  /** A chunk is valid until the next one is requested. */
  body?: string | AsyncIterable<Uint8Array>;
  /** What the request has changed, for people who read the access log. */
  audit?: string;
  /** What it holds, for metrics: files whose last byte it has, or digests of files. */
  holds?: { files: number } | { digests: number };
  /** Called once: when the reply has been sent, could not be sent, or was never begun. */
  done?(): void;
}

export const jsonReply = (status: number, document: object, headers: Reply['headers'] = {}): Reply => {
  const body = JSON.stringify(document);
  return {
    status,
    headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...headers },
    body,
  };
};

export const textReply = (contentType: string, body: string): Reply => ({
  status: 200,
  headers: { 'content-type': contentType, 'content-length': Buffer.byteLength(body) },
  body,
});

/** Netty's phrases; Node has "Range Not Satisfiable" for 416. */
const phraseOf = (status: number): string =>
  status === 416 ? 'Requested Range Not Satisfiable' : (STATUS_CODES[status] ?? `${status}`);

/** The reply to a handler's failure, in the Sidecar's form (JsonErrorHandler). */
export const errorReply = (status: number, message: string, headers?: Reply['headers']): Reply =>
  jsonReply(status, { status: phraseOf(status), code: status, message }, headers);

/** The reply of a guard that refuses: the Sidecar sends the reason phrase alone. */
export const guardReply = (status: number, headers?: Reply['headers']): Reply =>
  jsonReply(status, { status: phraseOf(status) }, headers);

/** The same reply; `after` runs after its own `done`. */
export const andThen = (reply: Reply, after: () => void): Reply => ({
  ...reply,
  done() {
    try {
      reply.done?.();
    } finally {
      after();
    }
  },
});
