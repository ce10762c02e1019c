// What lines on loopback have in common: they listen, keep the sockets of both ends to close them, and count what goes over them.

import { once } from 'node:events';
import { type AddressInfo, createServer, type ServerOpts, type Socket } from 'node:net';

export interface Line {
  port: number;
  /** Bytes passed on so far, both ways together. */
  passedBytes(): number;
  stop(): Promise<void>;
}

export interface LineEnds {
  /** To be called with every socket that the line opens. */
  keep(socket: Socket): Socket;
  /** To be called with what is passed on. */
  count(bytes: number): void;
}

/** `join` gets each connection, which is kept already, and carries it to the far end. */
export async function startLine(join: (near: Socket, ends: LineEnds) => void, options: ServerOpts = {}): Promise<Line> {
  const sockets = new Set<Socket>();
  let passedBytes = 0;
  const ends: LineEnds = {
    keep(socket) {
      sockets.add(socket.setNoDelay(true));
      socket.on('error', () => {}).on('close', () => sockets.delete(socket)); // 'close' takes the other end along
      return socket;
    },
    count(bytes) {
      passedBytes += bytes;
    },
  };
  const server = createServer(options, (near) => join(ends.keep(near), ends));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    passedBytes: () => passedBytes,
    async stop() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
