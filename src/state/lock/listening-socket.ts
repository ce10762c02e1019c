// Opens a local socket that sends one line to every process that connects: so processes of this host learn of one another.

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

/** `answer` is called for each connection. Undefined when the address is taken. Does not keep the process alive. */
export function listenAt(address: string, answer: () => string): Promise<Server | undefined> {
  const server = createServer((socket) => sendAnswer(socket, answer));
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

function sendAnswer(socket: Socket, answer: () => string): void {
  socket.unref();
  socket.on('error', () => socket.destroy()); // the other process has gone
  socket.end(answer(), () => socket.destroy()); // else a process that stays connected would delay our end
}
