// A database that writes in place: until it is killed it writes one page after the other, each stamped with its number in the order of all
// writes. With `set-back` it gives the file its time again after each write, as no database does. Tells its first write.
// Arguments: FILE FIRST-PAGE PAGES EVERY-MS [set-back]

import { fstatSync, futimesSync, openSync, writeSync } from 'node:fs';
import { PAGE_BYTES, pageAt, stamped } from './stamped-pages.js';

const [path, first, pages, everyMs] = [process.argv[2], ...process.argv.slice(3, 6).map(Number)];
const setsBack = process.argv[6] === 'set-back';
const fd = openSync(path, 'r+');
const time = fstatSync(fd).mtimeMs / 1000;
const pause = new Int32Array(new SharedArrayBuffer(4));
for (let write = 1; ; write++) {
  const page = pageAt(write, pages);
  writeSync(fd, stamped(write, page), 0, PAGE_BYTES, (first + page) * PAGE_BYTES);
  if (setsBack) futimesSync(fd, time, time);
  if (write === 1) process.stdout.write('writing\n');
  Atomics.wait(pause, 0, 0, everyMs);
}
