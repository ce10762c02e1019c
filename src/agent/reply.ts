// What a request is answered with, as a value. Writes nothing: send.ts does.

import { STATUS_CODES } from 'node:http';

export interface Reply {
  status: number;
  /** Names in lower case. Without a content-length, chunks go out in HTTP's chunked coding. */
  headers: Record<string, string | number>;
  /** Text goes out as it is. A chunk is valid until the next one is asked for. */
  body?: string | AsyncIterable<Uint8Array>;
  /** Called once, when the reply has been sent, or cannot be, or was never begun. */
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

/** As Netty has it; Node says "Range Not Satisfiable". */
const phraseOf = (status: number): string =>
  status === 416 ? 'Requested Range Not Satisfiable' : (STATUS_CODES[status] ?? `${status}`);

/** A handler's failure, in the Sidecar's form (JsonErrorHandler). */
export const errorReply = (status: number, message: string, headers?: Reply['headers']): Reply =>
  jsonReply(status, { status: phraseOf(status), code: status, message }, headers);

/** A guard's refusal: the Sidecar sends the reason phrase alone. */
export const guardReply = (status: number, headers?: Reply['headers']): Reply =>
  jsonReply(status, { status: phraseOf(status) }, headers);

/** The same reply, with something to be done after it. */
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
