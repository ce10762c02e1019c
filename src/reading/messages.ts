// What a digest pool and its threads send each other. A list of files is one text, because a thread takes 4 µs to copy an object and a
// tenth of that for its part of a text.

import { BLOCK_DIGEST_BYTES } from '../digest/digest.js';
import type { DigestAnswer, Digested } from '../digest/digest-files.js';
import type { ListedFile } from '../digest/listed-file.js';

/** Files as `packFiles` has written them. */
export interface PackedFiles {
  count: number;
  text: string;
}

/** No name and no number has this character. */
const END = '\0';

export function packFiles(files: readonly ListedFile[]): PackedFiles {
  let text = '';
  for (const { key, size, mtimeNs, ino, ctimeNs = '' } of files)
    text += key + END + size + END + mtimeNs + END + ino + END + ctimeNs + END;
  return { count: files.length, text };
}

export function unpackFiles({ count, text }: PackedFiles): ListedFile[] {
  const words = text.split(END);
  return Array.from({ length: count }, (_, i): ListedFile => {
    const at = 5 * i;
    const [size, mtimeNs, ino] = [words[at + 1]!, words[at + 2]!, words[at + 3]!];
    return { key: words[at]!, size, mtimeNs, ino, ctimeNs: words[at + 4] || undefined };
  });
}

/** Answers, and the hashes of all their blocks, one file after another. */
export interface PackedAnswers {
  /** Three words for each answer where all have a digest alone, of which `count` tells; otherwise JSON, which takes four times as long. */
  text: string;
  count?: number;
  blocks?: { of: Uint32Array; hashes: Uint8Array };
}

export function packAnswers(answers: readonly DigestAnswer[]): PackedAnswers {
  const words = wordsOf(answers);
  const packed = words === undefined ? { text: JSON.stringify(answers.map(bare)) } : words;
  if (!answers.some((answer) => 'blocks' in answer)) return packed;
  const each = answers.map((answer) => ('blocks' in answer && answer.blocks) || NONE);
  const of = Uint32Array.from(each, ({ length }) => length / BLOCK_DIGEST_BYTES);
  return { ...packed, blocks: { of, hashes: Buffer.concat(each) } };
}

const NONE = new Uint8Array();

const bare = (answer: DigestAnswer): object => ('blocks' in answer ? { ...answer, blocks: undefined } : answer);

const [UNKNOWN, YOUNG, OLD] = ['?', 'y', 'o'];

function wordsOf(answers: readonly DigestAnswer[]): PackedAnswers | undefined {
  let text = '';
  for (const answer of answers) {
    if ('result' in answer || answer.sstable) return undefined;
    const { digest, young, read = '', ctimeNs = '' } = answer;
    const age = young === undefined ? UNKNOWN : young ? YOUNG : OLD;
    text += digest + END + age + read + END + ctimeNs + END;
  }
  return { text, count: answers.length };
}

export function unpackAnswers({ text, count, blocks }: PackedAnswers): DigestAnswer[] {
  const answers = count === undefined ? (JSON.parse(text) as DigestAnswer[]) : answersIn(text.split(END), count);
  if (!blocks) return answers;
  let end = 0;
  for (const [i, answer] of answers.entries()) {
    const start = end;
    end += blocks.of[i]! * BLOCK_DIGEST_BYTES;
    if ('digest' in answer) answer.blocks = blocks.hashes.slice(start, end);
  }
  return answers;
}

const answersIn = (words: readonly string[], count: number): DigestAnswer[] =>
  Array.from({ length: count }, (_, i) => {
    const [digest, how, ctimeNs] = [words[3 * i]!, words[3 * i + 1]!, words[3 * i + 2]!];
    const answer: Digested = { digest };
    if (!how.startsWith(UNKNOWN!)) answer.young = how.startsWith(YOUNG!);
    if (how.length > 1) answer.read = how.slice(1) as 'direct' | 'cached';
    if (ctimeNs !== '') answer.ctimeNs = ctimeNs;
    return answer;
  });
