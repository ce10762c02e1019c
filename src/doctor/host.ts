// What holds for this host, whatever directories and source are meant: versions, limits, privileges, and what cannot be inspected.

import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { version as nodeVersion } from 'node:process';
import { refuseLimitedAddressSpace } from '../address-space.js';
import { LmError } from '../errors.js';
import { gapsOf } from '../guards/guard-service.js';
import { openFileLimit } from '../linux/open-file-limit.js';
import type { OpenFiles } from '../linux/open-files.js';
import { whyNoLibc } from '../syscalls/libc.js';
import { version } from '../version.js';
import { type Finding, failed, note, ok, warning } from './finding.js';

export interface HostFacts {
  lm: string;
  node: string;
  kernel: string;
  /** Why the C library cannot be called; undefined where it can. */
  noLibc: string | undefined;
  openFiles: number;
  /** Why there are too few addresses; undefined where there are enough. */
  addressSpace: LmError | undefined;
  /** The effective capabilities, a bit each; undefined where there is no /proc. */
  capabilities: bigint | undefined;
  selinux: 'enforcing' | 'permissive' | undefined;
}

export function factsOfHost(): HostFacts {
  return {
    lm: version(),
    node: nodeVersion,
    kernel: release(),
    noLibc: whyNoLibc(),
    openFiles: openFileLimit(),
    addressSpace: addressSpaceFault(),
    capabilities: capabilitiesIn(textOf('/proc/self/status')),
    selinux: selinuxBy(textOf('/sys/fs/selinux/enforce')),
  };
}

/** A copy over ten connections opens some 100 files and sockets; an agent takes a few for each client. */
const ENOUGH_FILES = 1024;

/** `role`: whose capabilities matter; undefined where it is not known. */
export function hostFindings(facts: HostFacts, role: 'source' | 'destination' | undefined): Finding[] {
  const { lm, node, kernel, noLibc, openFiles, addressSpace, capabilities, selinux } = facts;
  return [
    ok('versions', `lm ${lm}, Node ${node}, kernel ${kernel}`),
    noLibc === undefined
      ? ok('system-calls', 'the C library can be called')
      : note('system-calls', `the C library cannot be called: ${noLibc}`, {
          todo: 'holes are found by reading zeros, and many small files cost more; install koffi where that matters',
        }),
    openFiles >= ENOUGH_FILES
      ? ok('descriptors', `${openFiles} files and sockets at once`)
      : warning('descriptors', `only ${openFiles} files and sockets at once`, {
          todo: `ulimit -n ${ENOUGH_FILES}, or LimitNOFILE= of the unit`,
        }),
    addressSpace ? failed('address-space', addressSpace) : ok('address-space', 'no limit that matters'),
    ...(capabilities === undefined ? [] : [privileges(capabilities, role)]),
    ...(selinux === undefined ? [] : [labels(selinux)]),
  ];
}

/** What each is for; the numbers are those of linux/capability.h. */
const CAPABILITIES: readonly {
  name: string;
  bit: bigint;
  role: 'source' | 'destination' | undefined;
  lacks: string;
}[] = [
  { name: 'CAP_CHOWN', bit: 0n, role: 'destination', lacks: 'sets no owners' },
  { name: 'CAP_DAC_OVERRIDE', bit: 1n, role: 'destination', lacks: 'writes only where its user may' },
  { name: 'CAP_FOWNER', bit: 3n, role: 'destination', lacks: 'sets modes and times of its own files alone' },
  { name: 'CAP_DAC_READ_SEARCH', bit: 2n, role: 'source', lacks: 'reads only what its user may' },
  { name: 'CAP_SYS_PTRACE', bit: 19n, role: undefined, lacks: "looks into its own user's processes alone" },
];

/** Whoever may override may read as well. */
const OVERRIDE = 1n;

function privileges(capabilities: bigint, role: 'source' | 'destination' | undefined): Finding {
  const has = (bit: bigint): boolean => (capabilities >> bit) % 2n === 1n;
  const missing = CAPABILITIES.filter(
    (one) =>
      (role === undefined || one.role === undefined || one.role === role) &&
      !has(one.bit) &&
      !(one.role === 'source' && has(OVERRIDE)),
  );
  if (missing.length === 0) return ok('privileges', 'those that a migration takes');
  return warning('privileges', `missing: ${missing.map(({ name }) => name).join(', ')}`, {
    details: missing.map(({ name, lacks }) => `without ${name} lm ${lacks}`),
    todo: 'run as root, if owners and the files of other users take part',
  });
}

const labels = (selinux: 'enforcing' | 'permissive'): Finding =>
  selinux === 'permissive'
    ? ok('selinux', 'permissive')
    : note(
        'selinux',
        'enforcing: labels are not copied, and files get those of the directories that they are made in',
        {
          todo: 'at the destination, before the service starts: restorecon -R on each root',
        },
      );

export function processFindings(open: OpenFiles): Finding {
  const gaps = gapsOf(open);
  if (gaps.length === 0) return ok('processes', 'every process can be looked into');
  return warning('processes', gaps.join('; '), {
    todo: 'whether one of them uses the data is not known: run as root of the host itself, or give --guard-port',
  });
}

/** Of /proc/self/status. */
export function capabilitiesIn(status: string | undefined): bigint | undefined {
  const [, digits] = /^CapEff:\s+([0-9a-f]+)$/m.exec(status ?? '') ?? [];
  return digits === undefined ? undefined : BigInt(`0x${digits}`);
}

export const selinuxBy = (enforce: string | undefined): HostFacts['selinux'] =>
  enforce === undefined ? undefined : enforce.trim() === '1' ? 'enforcing' : 'permissive';

function addressSpaceFault(): LmError | undefined {
  try {
    refuseLimitedAddressSpace();
    return undefined;
  } catch (error) {
    if (error instanceof LmError) return error;
    throw error;
  }
}

/** Undefined where there is no such file: another system, a container, a kernel without it. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}
