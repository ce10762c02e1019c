// What an option may hold: how its word is read, and how the answer to a wrong one begins. Knows no option by name.

import { DIR_TYPES, type DirType } from '../files/entry.js';
import {
  type DeleteLimit,
  type ListenAddress,
  parseDeleteLimit,
  parseDuration,
  parseInteger,
  parseListen,
  parseRate,
  parseRatio,
} from './quantities.js';

export interface Kind<T> {
  /** The placeholder in `--help`; '' for a switch, which takes no word. */
  metavar: string;
  /** Ends the sentence "got X, takes …". */
  takes: string;
  /** Undefined when `text` will not do. `base` is the absolute directory that a relative path starts from. */
  parse(text: string, base: string): T | undefined;
  /** The word for a value, where the value is not that word already; what is remembered, and read back. */
  show?(value: T): string;
  /** What was probably meant by a word that will not do. */
  suggest?(text: string): string | undefined;
}

/** A `--root` as it is typed, before `data` directories are numbered. */
export interface TypedDir {
  type: DirType;
  /** Absolute, otherwise as given. */
  path: string;
}

const YES = ['true', 'yes', 'on', '1'];
const NO = ['false', 'no', 'off', '0'];

export const toggle: Kind<boolean> = {
  metavar: '',
  takes: 'true or false',
  parse: (text) => (YES.includes(text.toLowerCase()) ? true : NO.includes(text.toLowerCase()) ? false : undefined),
};

export const text = (metavar: string): Kind<string> => ({
  metavar,
  takes: 'a text that is not empty',
  parse: (given) => (given.trim() === '' ? undefined : given),
});

/** A pattern of Java's PathMatcher; whether what follows the prefix is one is for the filter to say. */
export const pattern: Kind<string> = {
  metavar: 'PATTERN',
  takes: "a pattern that begins with 'glob:' or 'regex:'",
  parse: (given) => (/^(glob|regex):./s.test(given) ? given : undefined),
  suggest: (given) => (given === '' || /^\w+:/.test(given) ? undefined : `glob:${given}`),
};

export const choice = <const T extends string>(...values: T[]): Kind<T> => ({
  metavar: values.join('|'),
  takes: `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`,
  parse: (given) => values.find((value) => value === given.toLowerCase()),
});

export const integer = (least: number, most?: number): Kind<number> => ({
  metavar: 'N',
  takes: most === undefined ? `a whole number, ${least} or more` : `a whole number from ${least} to ${most}`,
  parse: (given) => parseInteger(given, least, most),
});

export const ratio: Kind<number> = {
  metavar: 'RATIO',
  takes: 'a number from 0 to 1, or a percentage',
  parse: parseRatio,
  suggest: (given) => {
    const percent = parseRatio(`${given}%`);
    return percent === undefined ? undefined : `${percent} (or ${given}%)`;
  },
};

export const deleteLimit: Kind<DeleteLimit> = {
  metavar: 'LIMIT',
  takes: 'a percentage (50%) or a number of entries (1000)',
  parse: parseDeleteLimit,
};

/** Bytes per second. */
export const rate: Kind<number> = {
  metavar: 'RATE',
  takes: 'an amount with its unit per second, such as 200MiB/s, 25MB/s or 1Gbit/s',
  parse: parseRate,
  suggest: (given) => [`${given}MiB/s`, `${given}B/s`, `${given}/s`].find((guess) => parseRate(guess) !== undefined),
};

/** Milliseconds. */
export const duration: Kind<number> = {
  metavar: 'TIME',
  takes: 'a time with its unit, such as 30s, 5m or 2h',
  parse: parseDuration,
  suggest: (given) => (parseDuration(`${given}s`) ? `${given}s` : undefined),
};

export const listen: Kind<ListenAddress> = {
  metavar: 'HOST:PORT',
  takes: 'HOST:PORT, :PORT for every address, or a port for loopback',
  parse: parseListen,
  suggest: (given) => (parseListen(`${given}:9043`) ? `${given}:9043` : undefined),
};

export const path = (metavar: string): Kind<string> => ({
  metavar,
  takes: 'a path (a leading ~ is for the shell to expand)',
  parse: absolute,
});

export const typedDir: Kind<TypedDir> = {
  metavar: 'TYPE=DIR',
  takes: `TYPE=DIR where TYPE is one of ${DIR_TYPES.join(', ')}`,
  parse: (given, base) => {
    const equals = given.indexOf('=');
    const type = DIR_TYPES.find((known) => known === given.slice(0, equals));
    const dir = absolute(given.slice(equals + 1), base);
    return type && dir ? { type, path: dir } : undefined;
  },
  show: ({ type, path }) => `${type}=${path}`,
  suggest: (given) => (given.startsWith('/') && absolute(given, '') ? `data=${given}` : undefined),
};

/** An agent or a Sidecar: scheme, host and port only. A secret in a URL would show in every process list. */
export const sourceUrl: Kind<URL> = {
  metavar: 'URL',
  takes: 'http://HOST:PORT or https://HOST:PORT, nothing more',
  parse: (given) => {
    const url = /^https?:\/\//i.test(given) && URL.canParse(given) ? new URL(given) : undefined;
    return url && url.href === `${url.origin}/` && url.port !== '0' ? url : undefined;
  },
  suggest: (given) => {
    const guess = `http://${given}${/:\d+$/.test(given) ? '' : ':9043'}`;
    return sourceUrl.parse(guess, '') && guess;
  },
};

/** A prefix of keys: `data/0/ks`. Without a trailing slash. */
export const keyPrefix: Kind<string> = {
  metavar: 'PREFIX',
  takes: 'TYPE/INDEX, or a path below it such as data/0/keyspace',
  parse: (given) => {
    const [type, index, ...names] = given.replace(/\/+$/, '').split('/');
    if (!DIR_TYPES.some((known) => known === type) || !/^(0|[1-9]\d{0,8})$/.test(index ?? '')) return undefined;
    if (names.some((name) => name === '' || name === '.' || name === '..' || name.includes('\0'))) return undefined;
    return [type, index, ...names].join('/');
  },
};

function absolute(given: string, base: string): string | undefined {
  if (given === '' || given === '~' || given.startsWith('~/') || given.includes('\0')) return undefined;
  return given.startsWith('/') ? given : `${base}/${given}`;
}
