import { EventEmitter } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import { createScreen, fitted, wrapped } from '../../src/render/screen.js';

describe('a line that is too long', () => {
  test('goes on below its second column where that leaves room', () => {
    expect(wrapped('  last copy  one two three four five six seven', 41)).toEqual([
      '  last copy  one two three four five six',
      '             seven',
    ]);
  });

  test('goes on near the margin on a narrow terminal', () => {
    expect(wrapped('  last copy       one two three four', 24)).toEqual([
      '  last copy       one',
      '    two three four',
    ]);
  });

  test('is broken anywhere where it has no space, and never between the halves of a character', () => {
    expect(wrapped('aaaaaaaaaa', 4)).toEqual(['aaaa', ' aaa', ' aaa']);
    expect(wrapped('日本語😀😀', 4)).toEqual(['日本', ' 語', ' 😀', ' 😀']);
  });

  test.each([1, 2, 3, 7, 39])('fits a width of %d, and loses nothing', (width) => {
    const line = '  data/0          /var/lib/cassandra/data, which is long: 12.3 GiB  x';
    const rows = wrapped(line, width);
    for (const row of rows) expect(row.length).toBeLessThanOrEqual(width);
    expect(rows.join('').replaceAll(' ', '')).toBe(line.replaceAll(' ', ''));
  });
});

test('where there is no room for all, the beginning and the last lines stay', () => {
  expect(fitted(['a', 'b', 'c', 'd', 'next', 'why'], 2, 80, 6)).toEqual(['a', 'b', '…', 'next', 'why']);
  expect(fitted(['a', 'next', 'why'], 2, 80, 3)).toEqual(['…', 'next']);
  expect(fitted(['a', 'b', 'c'], 0, 80, 4)).toEqual(['a', 'b', 'c']);
});

describe('a screen', () => {
  const terminal = () => {
    const stream = Object.assign(new EventEmitter(), {
      ...{ columns: 80, rows: 24, isTTY: true, text: '' },
      write(text: string) {
        stream.text += text;
      },
      taken() {
        const { text } = stream;
        stream.text = '';
        return text;
      },
    });
    return stream;
  };

  test('is drawn in its place, and only when it has changed', () => {
    const stream = terminal();
    const screen = createScreen(stream);
    screen.draw(['one', 'two'], 0);
    expect(stream.taken()).toBe('\rone\x1b[K\ntwo\x1b[K\n\x1b[J');
    screen.draw(['one', 'two'], 0);
    expect(stream.taken()).toBe('');
    screen.draw(['three'], 0);
    expect(stream.taken()).toBe('\x1b[2A\rthree\x1b[K\n\x1b[J');
  });

  test('is drawn anew for another size, until it is closed', () => {
    const stream = terminal();
    const screen = createScreen(stream);
    screen.draw(['one two three'], 0);
    stream.taken();
    stream.columns = 10;
    stream.emit('resize');
    expect(stream.taken()).toBe('\x1b[H\x1b[2J\rone two\x1b[K\n  three\x1b[K\n\x1b[J');
    screen.close();
    stream.emit('resize');
    expect(stream.taken()).toBe('');
  });

  test('writes nothing to a terminal that has gone', () => {
    const stream = terminal();
    const screen = createScreen(stream);
    stream.emit('error', new Error('EIO'));
    screen.draw(['one'], 0);
    expect(stream.taken()).toBe('');
  });
});
