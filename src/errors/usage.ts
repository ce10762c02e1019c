// The kinds of error in what was stated, by flags, variables and files, or in what it names on this host.

import { type ErrorRows, NOTHING_BEGUN, NOTHING_REMOVED, RUN_AGAIN_THEN } from './row.js';

const kept = NOTHING_BEGUN;

export const USAGE = {
  usage: {
    title: 'a setting has a value that it does not take',
    kept,
    next: 'correct the setting where the message says that it stands; lm config show has all of them',
  },
  'command-line': {
    title: 'the command line names no such command or option, or has a word too many',
    kept,
    next: 'see lm COMMAND --help',
  },
  'unknown-setting': {
    title: 'a variable LM_… or a key of the settings file is not known',
    kept,
    next: 'correct its name or take it out',
  },
  'settings-conflict': {
    title: 'two settings exclude each other, or one needs another beside it',
    kept,
    next: 'keep one of them, or add the one that is needed; lm config show says where each comes from',
  },
  'settings-file': {
    title: 'a settings file or cassandra.yaml is not there, cannot be read, or is no such file',
    kept,
    next: 'correct the file, or name another with --config or --cassandra-yaml',
  },
  'not-trusted': {
    title: 'somebody else could have written a file or a record that lm would obey, or can read a secret',
    kept,
    next: 'type the chown or chmod that the message names, if the content is right',
  },
  'token-file': {
    title: 'a file that a token or a key is read from cannot be read, or holds none',
    kept,
    next: 'write the same token, of 16 characters or more, to a file of mode 0600 on both hosts',
  },
  certificate: {
    title: 'a certificate, a key or a file of authorities cannot be used',
    kept,
    next: 'give a certificate in PEM and the key that belongs to it',
  },
  'no-source': {
    title: 'no URL of a source is known',
    kept,
    next: 'give it: lm copy http://SOURCE:9043 DIR; the first copy remembers it',
  },
  'source-url': {
    title: 'the URL of the source is none, or names a host that does not resolve',
    kept,
    next: 'write it as http://host:9043, with a name that this host can resolve',
  },
  'no-directory': {
    title: 'no directory is known that is to be served or copied to',
    kept,
    next: 'name it as DIR, with --root TYPE=DIR or with --cassandra-yaml FILE',
  },
  'served-root': {
    title: 'a directory that lm serve is to serve is not there, is none, or lies in another or around the records',
    kept,
    next: 'name a directory that is there, and mount what belongs there',
  },
  'missing-root': {
    title: 'the service keeps files outside all roots, or one end has a root that the other has not',
    kept: NOTHING_REMOVED,
    next: 'name the --root of each on both hosts, or leave it out knowingly with --without TYPE',
  },
  'cassandra-default': {
    title: 'cassandra.yaml names no directory of a type, and Cassandra’s default cannot be told for sure',
    kept,
    next: 'add the directory to cassandra.yaml, or give every --root TYPE=DIR instead of the file',
  },
  'state-dir': {
    title: 'there is no directory for the records',
    kept,
    next: 'give one with --state-dir or LM_STATE_DIR',
  },
  'which-migration': {
    title: 'no migration, another one, or several are known on this host by what was stated',
    kept,
    next: 'name one that lm instances lists with --instance NAME',
  },
  'which-host': {
    title: 'migration_map has several entries for this host',
    kept,
    next: 'say which one is meant with --host NAME',
  },
  'open-listen': {
    title: 'whoever reaches the address could read everything',
    kept,
    next: 'listen on a loopback address, or give --token-file or --client-ca',
  },
  'cannot-listen': {
    title: 'an address or a port cannot be listened on',
    kept,
    next: 'end what listens there (ss -ltnp names it), or give another address or port',
  },
  'output-file': {
    title: 'a file that lm is to write lies in a root, behind somebody’s link, or is no file',
    kept,
    next: 'name a file in a directory that is there, outside of all roots',
  },
  'only-key': {
    title: '--only selects nothing: neither side has the key, or it is excluded',
    kept: NOTHING_REMOVED,
    next: 'give a key as lm prints them, such as data/0/ks',
  },
  algorithm: {
    title: 'the source cannot compute such digests',
    kept: 'nothing was read or written',
    next: 'use --algo xxhash32 or --algo md5',
  },
  'owner-rule': {
    title: 'a rule of --owner is about nobody',
    kept: NOTHING_REMOVED,
    next: 'correct the rule: getent passwd and getent group on both hosts have the names',
  },
  'working-directory': {
    title: 'the working directory is gone or closed to this user',
    kept,
    next: `change to a directory that is there, ${RUN_AGAIN_THEN}`,
  },
} as const satisfies ErrorRows;
