// Recognizes Cassandra's transaction logs by name and reads which paths they name (db/lifecycle: LogFile, LogRecord, LogReplicaSet).

/** `nb_txn_compaction_UUID.log`, `bti-da_txn_flush_UUID.log`; before 3.0 was out `txn_compaction_UUID.log`. */
const NAME = /^(?:(?:[a-z]+-)?.{2}_)?txn_.*_.*\.log$/;

export const isTxnLogName = (name: string): boolean => name.endsWith('.log') && NAME.test(name);

/** `REMOVE:[/var/lib/cassandra/data/ks/t-1b2c/nb-7-big,1731000001000,8][3014312399]`, and a COMMIT or ABORT without a path. */
const RECORD = /^(add|remove|commit|abort):\[(.*),-?\d*,-?\d*\]\[\d*\]$/i;

/**
 * The prefixes of SSTable file names that the log's ADD and REMOVE records have: a node that starts deletes all files of one kind or the
 * other that begin so. Undefined for a log that cannot be parsed. A last line that was cut off, as by a crash, is ignored, as Cassandra
 * ignores it.
 */
export function pathsNamed(text: string): string[] | undefined {
  const lines = text.split('\n').map((line) => line.replace(/\r$/, ''));
  while (lines.at(-1) === '') lines.pop();
  const paths = new Set<string>();
  for (const [i, line] of lines.entries()) {
    const record = RECORD.exec(line);
    if (!record && i < lines.length - 1) return undefined;
    if (record && /^(add|remove)$/i.test(record[1]!)) paths.add(record[2]!);
  }
  return [...paths];
}
