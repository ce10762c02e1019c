import { expect, test } from '@jest/globals';
import type { DigestAnswer } from '../../src/digest/digest-files.js';
import type { ListedFile } from '../../src/digest/listed-file.js';
import { packAnswers, packFiles, unpackAnswers, unpackFiles } from '../../src/reading/messages.js';

test('files reach a thread as they were, whatever their names', () => {
  const files: ListedFile[] = ['a', 'ü', '😀 \n"\\', '.'].map((name, i) => ({
    key: `data/0/ks/${name}`,
    ...{ size: `${i}`, mtimeNs: `-${i}`, ino: `${2n ** 64n - 1n}` },
    ctimeNs: i % 2 === 0 ? undefined : `${i}`,
  }));
  expect(unpackFiles(packFiles(files))).toEqual(files);
  expect(unpackFiles(packFiles([]))).toEqual([]);
});

test('answers come back as they were, each with its own blocks', () => {
  const blocks = (...bytes: number[]): Uint8Array => Uint8Array.from(bytes.flatMap((byte) => Array(8).fill(byte)));
  const answers: DigestAnswer[] = [
    { digest: 'a', young: false, blocks: blocks(1, 2) },
    { result: 'failed', message: 'EIO' },
    { digest: 'b', read: 'direct', ctimeNs: '7', blocks: blocks() },
    { digest: 'c', blocks: blocks(3) },
  ];
  const plain = (all: DigestAnswer[]) =>
    all.map((one) => ('blocks' in one ? { ...one, blocks: [...one.blocks!] } : one));
  expect(plain(unpackAnswers(packAnswers(answers)))).toEqual(plain(answers));
  expect(unpackAnswers(packAnswers([{ digest: 'd' }]))).toEqual([{ digest: 'd' }]);
});

test('answers that are digests alone come back with all that they tell', () => {
  const answers: DigestAnswer[] = [
    { digest: 'a' },
    ...(['direct', 'cached'] as const).flatMap((read) => [true, false].map((young) => ({ digest: 'b', young, read }))),
    { digest: 'c', young: false, ctimeNs: '0' },
    { digest: 'd', read: 'direct', ctimeNs: '1700000000123456789' },
    { digest: '', young: true },
  ];
  const packed = packAnswers(answers);
  expect(packed.count).toBe(answers.length);
  expect(unpackAnswers(packed)).toEqual(answers);
  const [first] = answers;
  const sstable: DigestAnswer = { digest: 'e', sstable: { state: 'intact' } as never };
  for (const other of [sstable, { result: 'vanished', message: 'no longer there' } satisfies DigestAnswer])
    expect(unpackAnswers(packAnswers([first!, other]))).toEqual([first, other]);
  expect(unpackAnswers(packAnswers([]))).toEqual([]);
});
