// What ever stood under each name of a source, so that a copy can be judged whatever moment it was taken at. Writes nothing.

import { firstMixedPage, PAGE_BYTES } from '../support/stamped-pages.js';

const BLOCK = 4 * 1024;

/** Shorter contents could not name their version. */
export const SHORTEST = 16;

/**
 * Every block names the version and its own offset: no two are alike, and a block in the wrong place is noticed. A shorter content
 * of a version is the beginning of a longer one.
 */
export function contentOf(version: number, size: number): Buffer {
  const bytes = Buffer.alloc(Math.ceil(size / BLOCK) * BLOCK, (version * 37) & 0xff);
  for (let at = 0; at < size; at += BLOCK) {
    bytes.writeDoubleLE(version, at);
    bytes.writeDoubleLE(at, at + 8);
  }
  return bytes.subarray(0, size);
}

interface Past {
  /** Versions that stood under this name, and between which lengths. */
  versions: Map<number, [least: number, most: number][]>;
  links: Set<string>;
  dir: boolean;
  /** Of a file whose pages are written in place. */
  pages?: number;
}

export class Versions {
  readonly #past = new Map<string, Past>();
  #count = 0;

  next(): number {
    return ++this.#count;
  }

  /** A file written in place passes through all lengths from `least` on. */
  file(key: string, version: number, least: number, most: number): void {
    const { versions } = this.#of(key);
    versions.set(version, [...(versions.get(version) ?? []), [least, most]]);
  }

  /** A file of so many stamped pages, which stays under this name. */
  paged(key: string, pages: number): void {
    this.#of(key).pages = pages;
  }

  link(key: string, target: string): void {
    this.#of(key).links.add(target);
  }

  dir(key: string): void {
    this.#of(key).dir = true;
  }

  /** All that ever stood under one name may now stand under another. */
  moved(from: string, to: string): void {
    const [past, there] = [this.#of(from), this.#of(to)];
    for (const [version, spans] of past.versions)
      for (const [least, most] of spans) this.file(to, version, least, most);
    for (const target of past.links) there.links.add(target);
    there.dir ||= past.dir;
  }

  /** Why what stands under `key` in a copy never stood there in the source; undefined when it did. */
  strange(key: string, seen: { kind: 'dir' } | { kind: 'link'; target: string } | { kind: 'file'; bytes: Buffer }) {
    const past = this.#past.get(key);
    if (!past) return 'was never in the source';
    if (seen.kind === 'dir') return past.dir ? undefined : 'never was a directory';
    if (seen.kind === 'link') return past.links.has(seen.target) ? undefined : `never pointed to ${seen.target}`;
    return past.pages === undefined ? strangeFile(past, seen.bytes) : strangePages(past.pages, seen.bytes);
  }

  #of(key: string): Past {
    const past = this.#past.get(key) ?? { versions: new Map(), links: new Set(), dir: false };
    this.#past.set(key, past);
    return past;
  }
}

function strangePages(pages: number, bytes: Buffer): string | undefined {
  if (bytes.length !== pages * PAGE_BYTES) return `never was ${bytes.length} bytes long`;
  const mixed = firstMixedPage(bytes);
  return mixed === undefined ? undefined : `is torn: page ${mixed} is of another moment than the others`;
}

function strangeFile({ versions }: Past, bytes: Buffer): string | undefined {
  const fits = (spans: [number, number][] = []): boolean =>
    spans.some(([least, most]) => bytes.length >= least && bytes.length <= most);
  if (bytes.length < SHORTEST)
    return [...versions.values()].some(fits) ? undefined : `never was ${bytes.length} bytes long`;
  const version = bytes.readDoubleLE(0);
  if (!fits(versions.get(version))) return `never was version ${version} of ${bytes.length} bytes`;
  return contentOf(version, bytes.length).equals(bytes) ? undefined : `is torn: not all of it is version ${version}`;
}
