// Shows one block of lines on a terminal and draws it anew in its place. Changes no mode of the terminal, so that a killed program leaves it
// as it was.

import type { OutputStream } from './output.js';

export interface ScreenStream extends OutputStream {
  rows?: number | undefined;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}

export interface Screen {
  /** Of the last `tail` lines none is left out, where there is no room for all. */
  draw(lines: readonly string[], tail: number): void;
  /** Leaves the last block where it is. */
  close(): void;
}

const UP = (rows: number): string => (rows > 0 ? `\x1b[${rows}A` : '');
const TO_END_OF_LINE = '\x1b[K';
const TO_END_OF_SCREEN = '\x1b[J';
/** What a terminal has made of lines that were too wide for its new width is not known. */
const WHOLE_SCREEN = '\x1b[H\x1b[2J';

export function createScreen(stdout: ScreenStream): Screen {
  let block: { lines: readonly string[]; tail: number } | undefined;
  let drawn: string[] = [];
  let isGone = false;
  stdout.on('error', () => {
    isGone = true;
  });
  const show = (start: string): void => {
    if (!block || isGone) return;
    const rows = fitted(block.lines, block.tail, stdout.columns || 80, stdout.rows || 24);
    if (start !== WHOLE_SCREEN && rows.join('\n') === drawn.join('\n')) return;
    stdout.write(`${start}\r${rows.map((row) => `${row}${TO_END_OF_LINE}\n`).join('')}${TO_END_OF_SCREEN}`);
    drawn = rows;
  };
  const redraw = (): void => show(WHOLE_SCREEN);
  stdout.on('resize', redraw);
  return {
    draw(lines, tail) {
      block = { lines, tail };
      show(UP(drawn.length));
    },
    close: () => void stdout.off('resize', redraw),
  };
}

/** The rows of a block on a terminal of that size: the last row is the cursor's, the last column would make some terminals wrap. */
export function fitted(lines: readonly string[], tail: number, columns: number, rows: number): string[] {
  const wrap = (line: string): string[] => wrapped(line, Math.max(columns - 1, 1));
  const room = Math.max(rows - 1, 1);
  const all = lines.flatMap(wrap);
  if (all.length <= room) return all;
  const last = lines.slice(lines.length - tail).flatMap(wrap);
  const kept = Math.max(room - last.length - 1, 0);
  return [...all.slice(0, kept), '…', ...last].slice(0, room);
}

/** Breaks a line at spaces. What follows is below the second column of the line where that leaves room, else a little to the right. */
export function wrapped(line: string, width: number): string[] {
  if (widthOf(line) <= width) return [line];
  const [margin = ''] = /^ */.exec(line) ?? [];
  if (margin.length > width / 3) return wrapped(line.trimStart(), width);
  const [columns] = /^ *\S.*? {2,}/.exec(line) ?? [];
  const isRoomy = columns !== undefined && columns.length <= width / 3;
  const indent = ' '.repeat(isRoomy ? columns.length : Math.min(margin.length + 2, Math.floor(width / 3)));
  const rows: string[] = [];
  let row = '';
  for (const piece of line.match(/ *[^ ]+/g) ?? []) {
    if (row.trim() === '' || widthOf(row) + widthOf(piece) <= width) row += piece;
    else {
      rows.push(row);
      row = indent + piece.trimStart();
    }
    while (widthOf(row) > width) {
      const head = headOf(row, width);
      rows.push(head);
      row = indent + row.slice(head.length);
    }
  }
  return [...rows, row];
}

/** Columns on a terminal. Scripts that are written in two columns begin at U+1100; to take another for one of them wastes room only. */
const widthOf = (text: string): number => [...text].reduce((sum, one) => sum + columnsOf(one), 0);

const columnsOf = (one: string): number => (one.codePointAt(0)! >= 0x1100 && one !== '…' ? 2 : 1);

/** As much of its beginning as fits, at least one character beyond its margin. */
function headOf(text: string, width: number): string {
  let head = '';
  let columns = 0;
  for (const one of text) {
    columns += columnsOf(one);
    if (columns > width && head.trim() !== '') return head;
    head += one;
  }
  return head;
}
