import { expect, test } from '@jest/globals';
import { columns } from '../../src/render/columns.js';

test('a column is as wide as its widest cell, and the last cell of a row is not padded', () => {
  expect(
    columns([
      ['a', 'bb', 'c'],
      ['aaa', 'b', ''],
      ['', 'b', 'cc'],
    ]),
  ).toEqual(['a    bb  c', 'aaa  b', '     b   cc']);
});

test('numbers are aligned to the right, the last column too', () => {
  const rows = [
    ['pass', 'state', 'removed'],
    ['0', 'SUCCESS', '12'],
  ];
  expect(columns(rows, { indent: '  ', isRight: (column) => column !== 1 })).toEqual([
    '  pass  state    removed',
    '     0  SUCCESS       12',
  ]);
});

test('a cell longer than maxWidth widens no column', () => {
  expect(
    columns(
      [
        ['long value', 'x'],
        ['v', 'y'],
      ],
      { maxWidth: 4 },
    ),
  ).toEqual(['long value  x', 'v     y']);
});
