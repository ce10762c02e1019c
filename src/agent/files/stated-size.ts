// Checks that an open file ends where its size says. Reads two bytes, in one of Node's own threads: they may come from a disk.

import { read } from 'node:fs';
import { wrongSizeText } from '../../digest/listed-file.js';

/** What is wrong with the stated size; undefined when the file ends there. Throws the system's error. */
export async function misstatement(fd: number, stated: number): Promise<string | undefined> {
  if (stated === 0) return (await readAt(fd, 0, 1)) === 0 ? undefined : wrongSizeText(0, 1);
  const got = await readAt(fd, stated - 1, 2);
  if (got === 0) return `states ${stated} bytes but holds fewer`;
  return got === 1 ? undefined : wrongSizeText(stated, stated + 1);
}

const readAt = (fd: number, position: number, bytes: number): Promise<number> =>
  new Promise((resolve, reject) =>
    read(fd, Buffer.alloc(bytes), 0, bytes, position, (error, got) => (error ? reject(error) : resolve(got))),
  );
