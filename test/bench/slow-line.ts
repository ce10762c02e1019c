// A slow line on loopback: TCP passed on at one rate for all connections together, each way, and counted. Adds no delay of its own.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface SlowLine {
  port: number;
  /** Bytes passed on so far, both ways together. */
  passedBytes(): number;
  stop(): Promise<void>;
}

/** Forwards to `port` of loopback. */
export async function startSlowLine(port: number, bytesPerSecond: number): Promise<SlowLine> {
  const sockets = new Set<Socket>();
  let passedBytes = 0;
  const direction = () => {
    const take = pace(bytesPerSecond);
    return (from: Socket, to: Socket) => {
      let underWay = false;
      let hasEnded = false;
      from.on('data', (chunk: Buffer) => {
        underWay = true;
        from.pause(); // until this one is through: a line holds nothing
        setTimeout(() => {
          underWay = false;
          if (to.destroyed) return;
          passedBytes += chunk.length;
          to.write(chunk, () => from.resume());
          if (hasEnded) to.destroySoon();
        }, take(chunk.length));
      });
      const end = () => {
        hasEnded = true;
        if (!underWay) to.destroySoon();
      };
      from.on('end', end).on('close', end); // a socket that is paused says all the same that it has ended
    };
  };
  const [there, back] = [direction(), direction()];
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    for (const socket of [near, far]) {
      sockets.add(socket.setNoDelay(true));
      socket.on('error', () => {}).on('close', () => sockets.delete(socket)); // 'close' takes the other end along
    }
    there(near, far);
    back(far, near);
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

/** How many milliseconds from now so many bytes are through, one piece after another. */
function pace(bytesPerSecond: number): (bytes: number) => number {
  let freeAtMs = 0;
  return (bytes) => {
    const now = performance.now();
    freeAtMs = Math.max(now, freeAtMs) + (1000 * bytes) / bytesPerSecond;
    return freeAtMs - now;
  };
}
