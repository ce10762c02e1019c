// A line on loopback that counts what goes over it, both ways together. Changes and delays nothing.

import { connect, type Socket } from 'node:net';
import { type Line, startLine } from './line.js';

/** Forwards to `port` of loopback. */
export const startCountingLine = (port: number): Promise<Line> =>
  startLine(
    (near, { keep, count }) => {
      const carry = (from: Socket, to: Socket): void => {
        from.on('data', ({ length }) => count(length)).on('close', () => to.destroySoon());
        from.pipe(to);
      };
      const far = keep(connect({ port, host: '127.0.0.1', allowHalfOpen: true }));
      carry(near, far);
      carry(far, near);
    },
    { allowHalfOpen: true },
  );
