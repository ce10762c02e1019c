// A program: `crowd.ts PORT COUNT MS` opens COUNT connections to a port of loopback, from forty addresses, that send nothing and reconnect
// MS after they were dropped. Prints `full` when the first one was dropped.

import { connect } from 'node:net';
import { argv, stdout } from 'node:process';

const [port, count, pauseMs] = argv.slice(2).map(Number) as [number, number, number];
const ADDRESSES = 40;
let said = false;

function stand(i: number): void {
  const socket = connect({ port, host: '127.0.0.1', localAddress: `127.0.0.${2 + (i % ADDRESSES)}` });
  socket.on('error', () => {});
  socket.once('close', () => {
    if (!said) stdout.write('full\n');
    said = true;
    if (pauseMs > 0) setTimeout(stand, pauseMs, i);
    else stand(i);
  });
}

for (let i = 0; i < count; i++) stand(i);
