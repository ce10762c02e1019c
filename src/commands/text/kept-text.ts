// Says that the evidence of a migration outlives its records, and how to open it.

/** `report`: the name under which it is kept; nothing is said when there is none. */
export const keptLines = (report: string | undefined): string[] =>
  report === undefined ? [] : [`what it did is kept: lm report --instance ${report}`];
