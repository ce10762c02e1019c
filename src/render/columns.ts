// Lays out rows of cells in columns, two spaces apart.

interface ColumnOptions {
  /** Before each line. */
  indent?: string;
  /** Whether the cells of a column are aligned to the right, by its number. */
  isRight?: (column: number) => boolean;
  /** The maximum width that a column is padded to; longer cells are not cut. */
  maxWidth?: number;
}

/** One line per row. A column is as wide as its widest cell. Nothing is padded after the last cell of a row that is not empty. */
export function columns(rows: readonly (readonly string[])[], options: ColumnOptions = {}): string[] {
  const { indent = '', isRight = () => false, maxWidth = Number.POSITIVE_INFINITY } = options;
  const widths: number[] = [];
  for (const row of rows)
    for (const [column, { length }] of row.entries())
      widths[column] = Math.max(widths[column] ?? 0, Math.min(length, maxWidth));
  return rows.map((row) => {
    const end = row.findLastIndex((cell) => cell !== '');
    const cells = row.slice(0, end + 1).map((cell, column) => {
      if (isRight(column)) return cell.padStart(widths[column]!);
      return column === end ? cell : cell.padEnd(widths[column]!);
    });
    return indent + cells.join('  ');
  });
}
