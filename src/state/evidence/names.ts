// The names of the files of evidence, in the directory of a migration's records.

export const EVIDENCE_FILE = 'evidence.jsonl';
export const MANIFEST_FILE = 'manifest';
