// The pages that writing-process.js writes: any state that its file was ever in can be told from a mix of two.

export const PAGE_BYTES = 8192;

/** The page that a write goes to, of so many; the writes are numbered from 1. */
export const pageAt = (write, pages) => (Math.imul(write, 2654435761) >>> 0) % pages;

/** The bytes of a page as write number `write` left it; 0 before any. */
export function stamped(write, page) {
  const bytes = Buffer.alloc(PAGE_BYTES);
  for (let at = 0; at < PAGE_BYTES; at += 8) {
    bytes.writeUInt32LE(write, at);
    bytes.writeUInt32LE((page ^ at) >>> 0, at + 4);
  }
  return bytes;
}

/** The first page that is not as it was after the last write that is to be seen in `bytes`; undefined if all are. */
export function firstMixedPage(bytes) {
  const pages = bytes.length / PAGE_BYTES;
  const seen = Array.from({ length: pages }, (_, page) => bytes.readUInt32LE(page * PAGE_BYTES));
  const due = new Uint32Array(pages);
  const last = seen.reduce((a, b) => Math.max(a, b), 0);
  for (let write = 1; write <= last; write++) due[pageAt(write, pages)] = write;
  const isAsDue = (page) =>
    Buffer.compare(bytes.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES), stamped(due[page], page)) === 0;
  const mixed = seen.findIndex((_, page) => !isAsDue(page));
  return mixed < 0 ? undefined : mixed;
}
