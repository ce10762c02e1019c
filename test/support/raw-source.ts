// A source that answers with raw bytes: the socket of each request is passed to the answer of its route. Parses HTTP only to find the end of
// a request.

import { type AddressInfo, createServer, type Socket } from 'node:net';

/** Writes any bytes; `request` is the head and the body. */
export type RawAnswer = (socket: Socket, request: { head: string; body: string }) => void;

export type RawRoute = 'status' | 'open-files' | 'digests' | 'fetch' | 'files';

/** In the order in which they are compared with the target. */
const ROUTES: readonly RawRoute[] = ['status', 'open-files', 'digests', 'fetch', 'files'];

export interface RawSource {
  url: string;
  port: number;
  stop(): Promise<void>;
}

export const AGENT_STATUS =
  'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nlm-agent: 1\r\ncontent-length: 26\r\n\r\n{"state": "NOT_COMPLETED"}';
export const SIDECAR_STATUS = AGENT_STATUS.replace('lm-agent: 1\r\n', '');

export const LINES = 'HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\n';
export const JSON_HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n';

/** The status is that of an agent, unless `answers` has one. */
export async function rawSource(answers: Partial<Record<RawRoute, RawAnswer>>): Promise<RawSource> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => {});
    let text = '';
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
      for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
        const head = text.slice(0, end);
        const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
        if (text.length < end + 4 + length) return;
        const body = text.slice(end + 4, end + 4 + length);
        text = text.slice(end + 4 + length);
        const target = head.split(' ')[1]!;
        const route = ROUTES.find((one) => target.includes(`/${one}`))!;
        (answers[route] ?? ((to: Socket) => to.write(AGENT_STATUS)))(socket, { head, body });
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** Writes the same piece again and again: as fast as possible, or every `everyMs`. */
export function pour(socket: Socket, piece: string | Uint8Array, everyMs?: number): void {
  if (everyMs !== undefined) {
    const timer = setInterval(() => socket.write(piece), everyMs);
    socket.on('close', () => clearInterval(timer));
    return;
  }
  const more = (): void => {
    while (!socket.destroyed && socket.write(piece));
    socket.once('drain', () => setImmediate(more));
  };
  more();
}
