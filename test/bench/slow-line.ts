// A slow line on loopback: TCP passed on at one rate for all connections together, each way, and counted. Adds no delay of its own.

import { connect, type Socket } from 'node:net';
import { type Line, startLine } from '../support/line.js';

/** Forwards to `port` of loopback. */
export function startSlowLine(port: number, bytesPerSecond: number): Promise<Line> {
  const direction = () => {
    const take = pace(bytesPerSecond);
    return (from: Socket, to: Socket, count: (bytes: number) => void) => {
      let underWay = false;
      let hasEnded = false;
      from.on('data', (chunk: Buffer) => {
        underWay = true;
        from.pause(); // until this one is through: a line holds nothing
        setTimeout(() => {
          underWay = false;
          if (to.destroyed) return;
          count(chunk.length);
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
  return startLine((near, { keep, count }) => {
    const far = keep(connect(port, '127.0.0.1'));
    there(near, far, count);
    back(far, near, count);
  });
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
