// A line on loopback that counts what goes over it, both ways together. Changes and delays nothing.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface CountingLine {
  port: number;
  /** So far. */
  passedBytes(): number;
  stop(): Promise<void>;
}

/** Forwards to `port` of loopback. */
export async function startCountingLine(port: number): Promise<CountingLine> {
  const sockets = new Set<Socket>();
  let passedBytes = 0;
  const carry = (from: Socket, to: Socket): void => {
    sockets.add(from.setNoDelay(true));
    from.on('data', (chunk) => {
      passedBytes += chunk.length;
    });
    from.on('error', () => {}); // 'close' follows
    from.on('close', () => {
      sockets.delete(from);
      to.destroySoon();
    });
    from.pipe(to);
  };
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    carry(near, far);
    carry(far, near);
  });
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
