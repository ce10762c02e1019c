// Parses the Range header as the Sidecar does (HttpRange): exactly one range, no spaces. HTTP would ignore a header that it does not
// understand; this refuses it.

/** `end` is the first byte that is not sent. */
interface ByteRange {
  start: number;
  end: number;
}

/** The range of a file of `size` bytes, at least 1, clipped to the file; `problem` where there is nothing to send. */
export function parseRange(header: string, size: number): ByteRange | { problem: string } {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header) ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return invalid(header);
  if (first === '') {
    const suffix = Number(last);
    return suffix === 0 ? invalid(header) : { start: Math.max(0, size - suffix), end: size };
  }
  const start = Number(first);
  const end = last === '' ? size : Math.min(size, Number(last) + 1);
  if (last !== '' && Number(last) < start) return invalid(header);
  return start < size ? { start, end } : { problem: 'Range does not overlap' };
}

const invalid = (header: string) => ({ problem: `Invalid range: ${header.slice(0, 100)}` });
