// A disk that gives other bytes than were written, without an error: in a process started with it, reads of one file come out wrong.

/**
 * NODE_OPTIONS with which the first bytes of files whose names end with `name` are read wrong: `always` in the same way, or `each-time` in
 * another.
 */
export function failingDisk(name: string, how: 'always' | 'each-time'): { NODE_OPTIONS: string } {
  const preload = `
    import fs from 'node:fs';
    import { randomInt } from 'node:crypto';
    import { syncBuiltinESMExports } from 'node:module';
    const read = fs.readSync;
    fs.readSync = (fd, buffer, ...rest) => {
      const got = read(fd, buffer, ...rest);
      const [offset, , position] = rest;
      if (got < 4 || position !== 0 || !fs.readlinkSync('/proc/self/fd/' + fd).endsWith(${JSON.stringify(name)})) return got;
      const wrong = ${how === 'always'} ? 1 : randomInt(1, 2 ** 32);
      for (let i = 0; i < 4; i++) buffer[offset + i] ^= (wrong >>> (8 * i)) & 255;
      return got;
    };
    syncBuiltinESMExports();`;
  return { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(preload)}` };
}
