// The kinds of refusal: what a guard has found, and what accepts it.

import { COPIED, type ErrorRows, NOTHING_REMOVED, RECORDS_KEPT } from './row.js';

const kept = NOTHING_REMOVED;

export const REFUSED = {
  refused: {
    title: 'what was asked for does not fit what is here or at the source',
    kept,
    next: 'see to what the message names; lm status says how things stand',
  },
  'source-empty': {
    title: 'the source lists nothing, or nothing for a root with entries here',
    kept,
    next: 'look whether its disk is mounted; if it is empty by right, empty the directory here by hand',
  },
  'max-delete': {
    title: 'the source has lost, or cleaning would remove, more than --max-delete allows',
    kept,
    next: 'look at lm copy --dry-run; if all that is right, give the --max-delete that the message names',
  },
  'not-adopted': {
    title: 'the destination holds what was never given to lm',
    kept,
    next: 'name an empty directory, or give --adopt if all that is there may be replaced (--backup-dir DIR keeps it)',
  },
  'outside-work': {
    title: 'somebody else has changed the destination since the last complete pass',
    kept,
    next: 'find out what ran here; --adopt makes it the same as the source (--backup-dir DIR keeps what goes)',
  },
  'other-sides': {
    title: 'the source or a directory is not the one that was copied before',
    kept,
    next: 'mount what belongs there and name the right source, or accept the others with --new-source or --adopt',
  },
  'other-mounts': {
    title: 'something was mounted or unmounted below the destination, or a mount point is in the way',
    kept,
    next: 'mount what belongs there, or accept what is mounted with --adopt; unmount or exclude what is in the way',
  },
  'forbidden-root': {
    title: 'a destination is the source’s own directory, /, a home directory, or around the records',
    kept: 'nothing was written',
    next: 'choose a directory of its own for each root',
  },
  'roots-differ': {
    title: 'the two ends have other roots',
    kept: 'nothing was written',
    next: 'name as many roots of each type on both hosts, in the same order',
  },
  'all-excluded': {
    title: 'what is excluded leaves nothing to copy',
    kept,
    next: 'see exclude, files_to_exclude and dirs_to_exclude on both hosts',
  },
  'unusable-name': {
    title: 'the source has names that cannot be copied or fetched',
    kept,
    next: 'rename or exclude them at the source',
  },
  'owner-map': {
    title: 'who owns files at the source is nobody, or somebody else, here',
    kept,
    next: 'make the account here, or say who it is: --owner NAME=NAME or NAME=NUMBER',
  },
  'service-runs': {
    title: 'the service of the destination runs, or whether it does cannot be told',
    kept,
    next: 'stop it; where nothing tells, name a port with --guard-port or a command with --pre-check',
  },
  'source-in-use': {
    title: 'the service of the source runs, something writes there, or whether it does cannot be told',
    kept: COPIED,
    next: 'stop the service on the source, then lm copy --threshold 1.0',
  },
  'pre-check': {
    title: 'the --pre-check command has failed',
    kept,
    next: 'stop the service here: the command is to exit with 0 once it is stopped',
  },
  'backup-dir': {
    title: 'what is replaced cannot be moved into --backup-dir',
    kept,
    next: 'choose a directory outside the roots on their file system',
  },
  'transaction-logs': {
    title: 'transaction logs of Cassandra name files that a node started here would delete',
    kept,
    next: 'run sstableutil --cleanup on the stopped source, then lm copy --threshold 1.0; --allow-txn-logs takes them',
  },
  'damaged-sstables': {
    title: 'SSTables are damaged at the source',
    kept,
    next: 'repair them there (nodetool scrub), then lm copy; --allow-damaged-at-source copies them as they are',
  },
  'root-lost': {
    title: 'a directory of the agent is gone, or another one',
    kept: `the agent has sent nothing else; ${COPIED}`,
    next: 'mount what belongs there, or start lm serve again if it is meant to be this one',
  },
  'nothing-to-verify': {
    title: 'the destination is not there',
    kept: 'a verification changes nothing',
    next: 'mount its disk; if nothing has been copied yet, run lm copy',
  },
  'no-proof': {
    title: 'nothing has kept the hashes that this verification goes by',
    kept: 'a verification changes nothing',
    next: 'run lm verify without --incremental and --offline, which reads all files at both ends',
  },
  'not-verified': {
    title: 'a proof that lm complete asks for is missing',
    kept: RECORDS_KEPT,
    next: 'run lm copy --threshold 1.0, then lm verify, then lm complete; --unverified completes without',
  },
  'changed-since-verified': {
    title: 'one of the sides, or what is excluded, has changed since the verification',
    kept: RECORDS_KEPT,
    next: 'stop the service on both, then lm copy --threshold 1.0, lm verify, lm complete; --unverified completes all the same',
  },
  'snapshot-served': {
    title: 'lm serve serves a snapshot, which proves nothing of the live directory',
    kept,
    next: 'end that lm serve, serve the live directory, then lm copy --threshold 1.0',
  },
  'already-complete': {
    title: 'the migration is complete: nothing is copied or served any more',
    kept: RECORDS_KEPT,
    next: 'run lm reset, which forgets the migration, if you mean to copy again',
  },
  'not-complete': {
    title: 'the migration is not complete, so its records are not removed',
    kept: RECORDS_KEPT,
    next: 'run lm complete; with --unverified it gives up a copy that is not to be finished',
  },
  'migration-map': {
    title: 'migration_map has another part for this host, none, or still has its pair',
    kept: RECORDS_KEPT,
    next: 'run the command on the other host, name this one with --host, or correct the map',
  },
  'no-manifest': {
    title: 'no full verification stands of which a manifest could be written',
    kept: 'nothing was written',
    next: 'run lm verify, then lm report --manifest FILE',
  },
} as const satisfies ErrorRows;
