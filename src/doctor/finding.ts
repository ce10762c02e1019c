// What `lm doctor` finds: the table of its codes, and what makes a finding of an error. Scripts go by the codes, so that none is ever
// given another meaning.

import { type ErrorKind, rowOf } from '../errors/kinds.js';
import type { ErrorCode, LmError } from '../errors.js';
import { EXIT, isStop } from '../exit-codes.js';

/** `note`: to know of; `warning`: a migration may go wrong, or slowly; `error`: a command would end with that exit code. */
export const SEVERITIES = ['ok', 'note', 'warning', 'error'] as const;
export type Severity = (typeof SEVERITIES)[number];

interface CodeRow {
  /** For README: what the finding is about. */
  about: string;
  /** What it comes to at worst. */
  worst: Severity;
}

/** In the order in which they are found. */
export const CODES = {
  settings: { about: 'which settings are stated, and where; with `--verbose` each', worst: 'ok' },
  versions: { about: '`lm`, Node and the kernel here', worst: 'ok' },
  'system-calls': { about: 'whether the C library can be called (`koffi`), and why not', worst: 'note' },
  descriptors: { about: 'how many files and sockets a process may open (`ulimit -n`)', worst: 'warning' },
  'address-space': {
    about: '`ulimit -v`; nothing that takes threads is looked at where it is too low',
    worst: 'error',
  },
  privileges: { about: 'what `lm` may do here for want of root or capabilities', worst: 'warning' },
  selinux: { about: 'whether SELinux enforces: labels are not copied', worst: 'note' },
  processes: { about: 'what cannot be inspected: processes of others, of containers', worst: 'warning' },
  records: { about: 'the state directory: who can write it, and its space', worst: 'error' },
  completed: { about: 'whether the migration is complete, here or at the source', worst: 'error' },
  directories: { about: 'the roots of this host', worst: 'error' },
  service: { about: 'at a destination: whether the service is stopped', worst: 'error' },
  writable: { about: 'at a destination: whether each root can be written to', worst: 'error' },
  'file-systems': { about: 'at a destination: what its file systems cannot keep', worst: 'warning' },
  space: { about: 'at a destination: what is free, and whether a copy fits', worst: 'error' },
  node: { about: 'at a source: a Cassandra node of which not every directory is served', worst: 'warning' },
  port: { about: 'at a source: whether `--listen` is free', worst: 'error' },
  credentials: { about: 'tokens, keys and certificates, as files of this host', worst: 'error' },
  encryption: { about: 'whether others on the network path can read and change', worst: 'warning' },
  source: { about: 'whether the source answers, by TLS if the URL says so, and what it is', worst: 'error' },
  certificate: { about: 'until when the certificates of both sides are valid', worst: 'error' },
  'source-version': { about: 'whether the source runs the same `lm`', worst: 'note' },
  clock: { about: 'how far the clocks are apart', worst: 'warning' },
  listing: {
    about: 'what a source holds, how long that takes to list, and what cannot be read or named',
    worst: 'error',
  },
  network: { about: 'how fast bytes of the source come', worst: 'note' },
  'cold-reads': { about: 'with `--probe-disk`: how fast the source reads its disk', worst: 'note' },
  lock: { about: 'whether another copy or verification is at work here', worst: 'error' },
  owners: { about: 'users and groups of the source that do not map to those of this host', worst: 'error' },
  guards: { about: 'whatever else a copy would refuse, a finding each', worst: 'error' },
  copy: { about: 'what a copy would warn of, a finding each', worst: 'warning' },
  'left-out': { about: 'what a copy would not bring, or not as it is', worst: 'note' },
  sstables: { about: 'with `--sstables`: those that are damaged at the source', worst: 'error' },
  forecast: { about: 'how long it will take, and which part is the bottleneck', worst: 'ok' },
} as const satisfies Record<string, CodeRow>;

export type Code = keyof typeof CODES;

export interface Finding {
  code: Code;
  severity: Severity;
  /** What was found; lower case, without a full stop. */
  says: string;
  /** What to do about it. */
  todo?: string;
  details?: readonly string[];
  /** Of an error: what a command would end with, and its class, which chooses the exit code. */
  kind?: ErrorKind;
  exit?: ErrorCode;
}

type More = Pick<Finding, 'todo' | 'details'>;

export const ok = (code: Code, says: string, details: readonly string[] = []): Finding => ({
  ...{ code, severity: 'ok', says },
  ...(details.length > 0 && { details }),
});

export const note = (code: Code, says: string, more: More = {}): Finding => ({ code, severity: 'note', says, ...more });

export const warning = (code: Code, says: string, more: More = {}): Finding => ({
  ...{ code, severity: 'warning', says },
  ...more,
});

/** Throws the error of a signal, which is no finding. */
export function failed(code: Code, error: LmError): Finding {
  if (isStop(error)) throw error;
  const { message: says, details, kind, code: exit, hint: todo = rowOf(kind).next } = error;
  return { ...{ code, severity: 'error', says, todo, kind, exit }, ...(details.length > 0 && { details }) };
}

/** Those that another try does not mend come first: a script that acts on the exit code must not wait for them. */
const WORST_FIRST = ['usage', 'protocol', 'local', 'refused', 'locked', 'source'] as const satisfies ErrorCode[];

/** That of the worst error; 0 where there is none. */
export function exitCodeFor(findings: readonly Finding[]): number {
  const worst = WORST_FIRST.find((code) => findings.some(({ exit }) => exit === code));
  return worst === undefined ? EXIT.ok : EXIT[worst];
}
