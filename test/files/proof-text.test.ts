import { expect, test } from '@jest/globals';
import { standingOf } from '../../src/files/proof.js';
import { receivedText, rowFor, rowText } from '../../src/files/proof-text.js';
import { isRow, proofIn } from '../../src/state/ledger/rows.js';

const source = { size: '7', mtimeNs: '1700000000123456789', ino: '12', ctimeNs: '1700000001000000001' };
const blocks = Uint8Array.of(0, 255, 2, 3, 4, 5, 6, 250);

test.each(['plain', 'with "quotes"', 'umläut \u0001 \u{1f600}'])('a received file reads back: %s', (name) => {
  const row: unknown = JSON.parse(receivedText(name, source, blocks, 99));
  if (!isRow(row)) throw new Error('no row');
  const local = { size: '7', mtimeNs: source.mtimeNs, ino: '0', ctimeNs: '0' };
  expect(row[0]).toBe(name);
  expect(proofIn(row)).toEqual({ blocks, source, local, proved: 'received', atMs: 99 });
  expect(receivedText(name, source, blocks, 99)).toBe(
    rowText(rowFor(name, { blocks, source, local, proved: 'received', atMs: 99 })),
  );
});

test('the state of a file that nobody looked at proves nothing of the file here, nor that it is another', () => {
  const unseen = { size: '7', mtimeNs: source.mtimeNs, ino: '0', ctimeNs: '0' };
  const now = { size: '7', mtimeNs: '1700000000123456000', ino: '60', ctimeNs: '1700000002000000002' };
  expect(standingOf(unseen, now)).toBe('ctime');
  expect(standingOf(unseen, { ...now, size: '8' })).toBe('changed');
});
