// A socket that says a line to whoever connects: how processes of this host know of one another. Tells nothing to a network.

import { createServer, type Server, type Socket } from 'node:net';
import { platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { errnoOf, localError } from '../../errors.js';

/**
 * Abstract names may hold up to 107 bytes. libuv before 1.48 pads them with NULs and later versions don't (libuv#4266): padded here, the
 * name is the same under every Node.
 */
export const addressFor = (name: string): string =>
  platform() === 'linux' ? `\0${name.padEnd(107, '-')}` : join(tmpdir(), `${name}.sock`);

/** `answer` is asked for each who connects. Undefined when the address is taken. Doesn't keep the process alive. */
export function listenAt(address: string, answer: () => string): Promise<Server | undefined> {
  const server = createServer((socket) => tell(socket, answer));
  server.unref();
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      if (errnoOf(error) === 'EADDRINUSE') resolve(undefined);
      else reject(localError('lock', address.replace('\0', '@'), error));
    });
    server.listen({ path: address, writableAll: !address.startsWith('\0') }, () => resolve(server));
  });
}

export const closeSocket = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));

function tell(socket: Socket, answer: () => string): void {
  socket.unref();
  socket.on('error', () => socket.destroy()); // who asked has gone: nothing to tell
  socket.end(answer(), () => socket.destroy()); // or whoever stays connected would hold up the end
}
