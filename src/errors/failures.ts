// The kinds of failure: of the source and the way to it, of what is spoken there, and of this host.

import { COPIED, type ErrorRows, RECORDS_KEPT, RUN_AGAIN_THEN } from './row.js';

const kept = COPIED;
const AGAIN = 'run the same command again';

export const SOURCE = {
  source: {
    title: 'the source is at fault for now',
    kept,
    next: `${AGAIN}; lm status says how the source is`,
  },
  'source-unreachable': {
    title: 'the source cannot be reached, or answers with errors',
    kept,
    next: `see whether lm serve runs there and listens beyond loopback, ${RUN_AGAIN_THEN}; --retry-for waits longer`,
  },
  'source-busy': {
    title: 'the source was too busy for all the time there was',
    kept,
    next: `${AGAIN}; --retry-for waits longer, a lower --concurrency asks for less`,
  },
  'source-stalled': {
    title: 'an answer of the source stopped coming',
    kept,
    next: `${AGAIN}; if it stalls again, look at the disks of the source and at what is between`,
  },
  'source-state': {
    title: 'the source cannot answer until an operator has mended something there',
    kept,
    next: `mend it on the source, ${RUN_AGAIN_THEN}`,
  },
  'cut-answer': {
    title: 'an answer of the source ended before its end, or answered something else',
    kept,
    next: AGAIN,
  },
  'damaged-answer': {
    title: 'bytes were damaged on the way, each time they were asked for',
    kept,
    next: `${AGAIN}; if that does not help, something between the two hosts changes bytes`,
  },
} as const satisfies ErrorRows;

export const PROTOCOL = {
  protocol: {
    title: 'an answer or a request breaks the protocol',
    kept,
    next: 'run the same version of lm on both hosts, without a proxy between them, and report it if that does not help',
  },
  tls: {
    title: 'there is no TLS session with the source',
    kept,
    next: 'see to http:// or https:// in the URL, --pin, --ca-cert, --client-cert and --client-key',
  },
  'access-denied': {
    title: 'the source does not let this client in, or not for this',
    kept,
    next: 'give what it asks for: --token-file, or --client-cert and --client-key; --host there for a name',
  },
  'not-an-agent': {
    title: 'what listens there is neither an lm agent nor a Sidecar',
    kept,
    next: 'check the host and the port in the URL',
  },
  'other-version': {
    title: 'the two ends speak other versions of the protocol',
    kept,
    next: 'run the same version of lm on both hosts',
  },
  'source-pattern': {
    title: 'a pattern in the settings of the source cannot be used here',
    kept,
    next: 'correct the pattern there, then start lm serve again',
  },
  'unsafe-path': {
    title: 'the source has sent a path that leads out of the roots, or is of none',
    kept,
    next: 'find out what answers there; no file of such a name is written',
  },
} as const satisfies ErrorRows;

export const LOCAL = {
  local: {
    title: 'a call of this host’s system failed, or what it has is not as it should be',
    kept,
    next: `mend what the message names, ${RUN_AGAIN_THEN}`,
  },
  'no-space': {
    title: 'a file system here has too little space, too few inodes, or a quota is used up',
    kept,
    next: `free some space, or give a --state-dir elsewhere if the records are what has no room, ${RUN_AGAIN_THEN}`,
  },
  memory: {
    title: 'there is not enough memory, or not enough addresses',
    kept,
    next: 'raise what limits it: ulimit -v, the cgroup, or the heap of Node (NODE_OPTIONS=--max-old-space-size=MIB)',
  },
  thread: {
    title: 'a thread cannot be started',
    kept,
    next: 'raise the limit of processes and threads (ulimit -u)',
  },
  output: {
    title: 'the standard output cannot be written to',
    kept: 'the command has done its work',
    next: 'see to the disk or the pipe that it goes to; lm status says how the command ended',
  },
  'damaged-record': {
    title: 'a record of lm is damaged, or of another version',
    kept: 'the data is as it was',
    next: 'restore the file, or remove it if the message says so: then more is compared again, and nothing is lost',
  },
  'not-synced': {
    title: 'what was written cannot be forced to the disk',
    kept: 'what was copied may not be on the disk',
    next: 'look at the kernel log: the disk may be failing',
  },
  'temporary-dir': {
    title: 'there is no room for temporary files',
    kept: 'nothing was begun',
    next: 'make room, or name another directory in TMPDIR',
  },
  'access-log': {
    title: 'the access log is no regular file of this user',
    kept: 'nothing was served',
    next: 'name a regular file, or one that is not there yet',
  },
  'root-mode': {
    title: 'a root has another mode than at the source, and only its owner can change it',
    kept: RECORDS_KEPT,
    next: 'give it that mode as its owner or root',
  },
} as const satisfies ErrorRows;

export const LOCKED = {
  locked: {
    title: 'another command, task or agent holds the lock',
    kept: 'nothing was begun; the other goes on',
    next: 'wait until it has ended (lm status shows how far it is), or end it',
  },
} as const satisfies ErrorRows;

const STOPPED = { kept, next: `${AGAIN}; a copy goes on from here` };

export const STOPS = {
  'hung-up': { title: 'ended by SIGHUP', ...STOPPED },
  interrupted: { title: 'ended by SIGINT, or cancelled over HTTP', ...STOPPED },
  quit: { title: 'ended by SIGQUIT', ...STOPPED },
  terminated: { title: 'ended by SIGTERM', ...STOPPED },
} as const satisfies ErrorRows;

/** Whatever is neither an LmError nor a failed system call. */
export const BUG = {
  title: 'a bug in lm',
  kept,
  next: 'report it with the lines that were printed',
};
