// Asks whether anybody still reads what is written to a pipe or a socket, without writing to it.

import { libc } from './libc.js';

const POLLERR = 0x8;
const POLLHUP = 0x10;

/** False where the C library is not called: whoever writes is told then by EPIPE. */
export function hasLostReader(fd: number): boolean {
  const asked = new Int32Array([fd, 0]); // struct pollfd: int fd, short events, short revents
  const bytes = new Uint8Array(asked.buffer);
  const answered = libc()?.poll(bytes, 1, 0) ?? 0;
  const revents = new Int16Array(asked.buffer)[3]!;
  return answered > 0 && (revents & (POLLERR | POLLHUP)) !== 0;
}
