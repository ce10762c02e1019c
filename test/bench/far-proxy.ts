// A long way on loopback: TCP passed on with a delay each way, through a window like that of a real connection. Limits no bandwidth:
// a connection gets window ÷ round trip, and ten of them ten times as much.

import { Socket } from 'node:net';
import { type Line, startLine } from '../support/line.js';

export interface Distance {
  /** Each way: half a round trip. */
  delayMs: number;
  /** The most one direction of a connection may have under way unacknowledged. */
  windowBytes?: number;
}

/** What Linux lets a sender hold unless told otherwise (the last value of net.ipv4.tcp_wmem). */
const WINDOW_BYTES = 4 * 1024 * 1024;
/** Ten segments: how every connection starts (RFC 6928), to double with each round trip. */
const FIRST_WINDOW_BYTES = 10 * 1448;

/** Forwards to `port` of loopback. */
export function startFarProxy(port: number, { delayMs, windowBytes = WINDOW_BYTES }: Distance): Promise<Line> {
  const later = delayLine(delayMs);
  return startLine(
    (near, { keep, count }) => {
      const way: Way = { later, windowBytes, count };
      // A handshake takes a round trip before the near end may send, and half of one more until the far end sees a connection.
      later(() =>
        later(() => {
          const far = keep(new Socket({ allowHalfOpen: true }));
          carry(near, far, way);
          carry(far, near, way);
          later(() => far.connect(port, '127.0.0.1'));
        }),
      );
    },
    { allowHalfOpen: true, pauseOnConnect: true },
  );
}

type Later = (deed: () => void) => void;

interface Way {
  later: Later;
  windowBytes: number;
  /** Called with what has been passed on. */
  count(bytes: number): void;
}

/** One direction. A byte counts as under way from when it is read until its acknowledgement would be back. */
function carry(from: Socket, to: Socket, { later, windowBytes, count }: Way): void {
  let window = FIRST_WINDOW_BYTES;
  let underWay = 0;
  let waiting: Buffer | undefined;
  let farewell: (() => void) | undefined;
  const acknowledge = (bytes: number) => {
    underWay -= bytes;
    window = Math.min(window + bytes, windowBytes);
    send();
  };
  const send = () => {
    if (!waiting || underWay >= window) return;
    const piece = waiting.subarray(0, window - underWay);
    waiting = piece.length < waiting.length ? waiting.subarray(piece.length) : undefined;
    underWay += piece.length;
    count(piece.length);
    later(() => to.write(piece, () => later(() => acknowledge(piece.length))));
    if (waiting) return;
    if (farewell) later(farewell);
    else if (from.isPaused()) from.resume();
  };
  /** A socket that is paused may still say that it has ended, while the window has yet to take its last bytes. */
  const endBy = (deed: () => void) => {
    farewell = deed;
    if (!waiting) later(deed);
  };
  from.on('data', (chunk: Buffer) => {
    waiting = chunk;
    send();
    if (waiting) from.pause(); // until the window has taken all of it
  });
  from.on('end', () => endBy(() => to.end()));
  from.on('close', () => endBy(() => to.destroySoon()));
  from.resume();
}

/** Does each deed so much later, in order; one timer for all. */
function delayLine(delayMs: number): Later {
  let queue: { dueMs: number; deed: () => void }[] = [];
  let timer: NodeJS.Timeout | undefined;
  const work = () => {
    timer = undefined;
    const now = performance.now();
    let done = 0;
    for (; done < queue.length && queue[done]!.dueMs <= now; done++) queue[done]!.deed();
    if (done > 0) queue = queue.slice(done);
    arm();
  };
  const arm = () => {
    const next = queue[0];
    if (next && !timer) timer = setTimeout(work, Math.max(0, next.dueMs - performance.now()));
  };
  return (deed) => {
    queue.push({ dueMs: performance.now() + delayMs, deed });
    arm();
  };
}
