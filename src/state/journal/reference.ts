// Records the reference of --max-delete in one file, which is replaced as a whole and has a checksum, so that damage is noticed.

import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import * as z from 'zod';
import { readFileIfThere, writeFileAtomically } from '../atomic-file.js';

/** One directory: files and bytes of the last pass, those last accepted, and the bytes that came in this run and in the one before. */
export type ReferenceRow = [
  ...[dir: string, files: number, bytes: number, acceptedFiles: number, acceptedBytes: number],
  ...[came: number, cameBefore: number],
];

const Head = z.object({
  v: z.literal(1),
  complete: z.boolean(),
  adopted: z.boolean(),
  exclusions: z.string(),
  roots: z.record(z.string(), z.int().nonnegative()),
  limit: z
    .union([
      z.object({ kind: z.literal('share'), share: z.number() }),
      z.object({ kind: z.literal('count'), entries: z.int() }),
    ])
    .optional(),
});

type ReferenceHead = Omit<z.infer<typeof Head>, 'v'>;

const pathIn = (dir: string): string => join(dir, 'reference.jsonl');

/** 'damaged' when its content is not known any more. Throws `local` when it cannot be read. */
export function readReference(dir: string): { head: ReferenceHead; rows: ReferenceRow[] } | 'damaged' | undefined {
  const text = readFileIfThere(pathIn(dir));
  if (text === undefined) return undefined;
  const end = text.lastIndexOf('\n', text.length - 2) + 1;
  if (text.slice(end) !== sealOf(text.slice(0, end))) return 'damaged';
  const [first, ...rows] = text
    .slice(0, end)
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
  const head = Head.safeParse(first);
  return head.success ? { head: head.data, rows } : 'damaged';
}

export function recordReference(dir: string, head: ReferenceHead, rows: Iterable<ReferenceRow>): void {
  let text = `${JSON.stringify({ v: 1, ...head })}\n`;
  for (const row of rows) text += `${JSON.stringify(row)}\n`;
  writeFileAtomically(pathIn(dir), text + sealOf(text));
}

const sealOf = (text: string): string => `{"sum":"${crc32(text).toString(16).padStart(8, '0')}"}\n`;
