import { describe, expect, test } from '@jest/globals';
import { isTxnLogName, pathsNamed } from '../../../src/files/names/txn-log.js';

test.each([
  ['nb_txn_compaction_5c8e1e00-9d4f-11ee-8c90-0242ac120002.log', true],
  ['mc_txn_flush_5c8e1e00-9d4f-11ee-8c90-0242ac120002.log', true],
  ['bti-da_txn_write_5c8e1e00-9d4f-11ee-8c90-0242ac120002.log', true],
  ['oa_txn_anticompaction_after_repair_5c8e1e00.log', true],
  ['txn_compaction_5c8e1e00.log', true],
  ['CommitLog-7-1731000000000.log', false],
  ['nb_txn_compaction_5c8e1e00.log.bak', false],
  ['nb-1-big-Data.db', false],
  ['my_txn.log', false],
])('%s: %s', (name, expected) => expect(isTxnLogName(name)).toBe(expected));

describe('the paths a log names', () => {
  test.each<[string, string, string[] | undefined]>([
    [
      'those of ADD and REMOVE',
      'ADD:[/d/nb-2-big,0,8][1]\nREMOVE:[/d/nb-1-big,17,8][2]\nCOMMIT:[,18,0][3]\n',
      ['/d/nb-2-big', '/d/nb-1-big'],
    ],
    ['none of ABORT', 'ABORT:[,18,0][3]\n', []],
    ['in any case of letters, with any end of line', 'add:[/d/a b-1-big,0,8][1]\r\n', ['/d/a b-1-big']],
    ['with commas', 'ADD:[/d,1,2/nb-1-big,0,8][1]', ['/d,1,2/nb-1-big']],
    ['but for a last line that was cut off', 'ADD:[/d/nb-1-big,0,8][1]\nREMOVE:[/elsewhere/nb-2', ['/d/nb-1-big']],
    ['none of an empty log', '', []],
    ['each once', 'ADD:[/d/nb-1-big,0,8][1]\nREMOVE:[/d/nb-1-big,0,8][1]\n', ['/d/nb-1-big']],
    ['unless a line in between cannot be read', 'ADD:[/d/nb-1\nCOMMIT:[,18,0][3]\n', undefined],
    ['unless it holds something else', 'hello\nworld\n', undefined],
  ])('%s', (_, text, expected) => expect(pathsNamed(text)).toEqual(expected));
});
