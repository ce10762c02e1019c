// What an option may hold: how its word is read, and how the answer to a wrong one begins. Knows no option by name.

import { isIP, isIPv6 } from 'node:net';
import { DIR_TYPES, type DirType } from '../files/entry.js';
import { hostAndPort } from '../linux/addresses.js';
import { isRootName, type OwnerRule, ownerRuleText, parseOwnerRule } from '../owners/owner-rules.js';
import {
  type DeleteLimit,
  type ListenAddress,
  parseDeleteLimit,
  parseDuration,
  parseGuardPort,
  parseInteger,
  parseListen,
  parseRate,
  parseRatio,
  plain,
  plainDuration,
  RATE_UNITS,
} from './quantities.js';
import { nearest } from './values/nearest.js';

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
  /** What to do about one that cannot be put right so easily. */
  advise?(text: string): string | undefined;
  /** A wrong word without what must not be said again. */
  mask?(text: string): string;
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

/** Whether it is a glob is for the filter to say. */
export const shellGlob: Kind<string> = {
  metavar: 'GLOB',
  takes: 'a glob, such as **/*.tmp',
  parse: (given) => (given === '' ? undefined : given),
};

export const choice = <const T extends string>(...values: T[]): Kind<T> => ({
  metavar: values.join('|'),
  takes: `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`,
  parse: (given) => values.find((value) => value === given.toLowerCase()),
  suggest: (given) => nearest(given.toLowerCase(), values),
});

export const integer = (least: number, most?: number): Kind<number> => ({
  metavar: 'N',
  takes: most === undefined ? `a whole number, ${least} or more` : `a whole number from ${least} to ${most}`,
  parse: (given) => parseInteger(given, least, most),
  suggest: (given) => firstThat((guess) => parseInteger(guess, least, most), [tidy(given), withoutGroups(given)]),
});

export const ratio: Kind<number> = {
  metavar: 'RATIO',
  takes: 'a number from 0 to 1, or a percentage',
  parse: parseRatio,
  suggest(given) {
    const guess = firstThat(parseRatio, [tidy(given), `${tidy(given)}%`]);
    return guess?.endsWith('%') ? `${parseRatio(guess)} (or ${guess})` : guess;
  },
};

export const deleteLimit: Kind<DeleteLimit> = {
  metavar: 'LIMIT',
  takes: 'a percentage (50%) or a number of entries (1000)',
  parse: parseDeleteLimit,
  suggest(given) {
    const share = parseRatio(tidy(given)); // 0.5 of something is meant as a share: as a number of entries it would be none
    if (share !== undefined && !given.includes('%')) return `${plain(share * 100)}%`;
    return firstThat(parseDeleteLimit, [tidy(given), withoutGroups(given)]);
  },
};

/** Bytes per second. */
export const rate: Kind<number> = {
  metavar: 'RATE',
  takes: 'an amount with its unit per second, such as 200MiB/s, 25MB/s or 1Gbit/s',
  parse: parseRate,
  suggest(given) {
    const amount = tidy(given).replace(/(ps|\/s(ec(ond)?)?)$/i, '');
    const units = /\d$/.test(amount) ? ['MiB'] : /\d[kMGT]b$/.test(amount) ? ['it'] : ['', 'B', 'it'];
    return firstThat(
      parseRate,
      units.map((more) => inKnownUnit(`${amount}${more}`)),
    );
  },
};

/** `200mib` as a rate would be written: the case of a unit says which one it is, so a wrong one is suggested and never taken. */
function inKnownUnit(given: string): string {
  const [, amount = '', unit = ''] = /^([\d.]+)([A-Za-z]+)$/.exec(given) ?? [];
  const isUnit = (one: string): boolean => one.toLowerCase() === unit.toLowerCase();
  return `${amount}${RATE_UNITS.find((one) => one === unit) ?? RATE_UNITS.find(isUnit) ?? unit}/s`;
}

/** Milliseconds. */
export const duration: Kind<number> = {
  metavar: 'TIME',
  takes: 'a time with its unit, such as 30s, 5m or 2h',
  parse: parseDuration,
  suggest(given) {
    const [, amount, unit = 's'] = /^([\d.]+) ?([a-z]*)$/.exec(tidy(given).toLowerCase()) ?? [];
    if (amount === undefined || unit.startsWith('mo')) return undefined; // a month is no unit here, and no minute
    const short = /^(ms|mil)/.test(unit) ? 'ms' : (unit[0] ?? 's');
    return firstThat(parseDuration, [`${amount}${short}`]);
  },
};

/** Milliseconds, and none at all as well, which needs no unit. */
export const waitingTime: Kind<number> = {
  ...duration,
  takes: 'a time with its unit, such as 30s, 5m or 2h; or 0',
  parse: (given) => (/^0 ?(ms|s|m|h|d)?$/.test(given) ? 0 : parseDuration(given)),
  show: plainDuration,
};

export const listen: Kind<ListenAddress> = {
  metavar: 'HOST:PORT',
  takes: 'HOST:PORT, :PORT for every address, or a port for loopback',
  parse: parseListen,
  suggest(given) {
    const host = given.replace(/^https?:\/\//i, '').replace(/\/+$/, '');
    const guesses = [host, `${host}:9043`, `[${host}]:9043`];
    return firstThat(
      (guess) => (guess === given ? undefined : parseListen(guess)),
      isIPv6(host) ? guesses.slice(2) : guesses,
    );
  },
};

/** A port of the service, wherever it listens or on one address. */
export const guardPort: Kind<number | ListenAddress> = {
  metavar: '[ADDRESS:]N',
  takes: 'a port from 1 to 65535, or ADDRESS:PORT for a service that listens on that address alone',
  parse: parseGuardPort,
  show: (guarded) => (typeof guarded === 'number' ? `${guarded}` : hostAndPort(guarded.host, guarded.port)),
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
  suggest(given) {
    const [, word, dir] = /^(\w+)[=:](.+)$/s.exec(given) ?? [];
    if (word === undefined || dir === undefined)
      return /^\.{0,2}\//.test(given) && absolute(given, '/') ? `data=${given}` : undefined;
    const type = nearest(word.toLowerCase(), DIR_TYPES);
    return type && absolute(dir, '/') ? `${type}=${dir}` : undefined;
  },
};

/** What a root may be left out for; without data there is nothing to move. */
const LEFT_OUT = DIR_TYPES.filter((type) => type !== 'data');

export const leftOutType: Kind<DirType> = {
  metavar: 'TYPE',
  takes: `one of ${LEFT_OUT.join(', ')}`,
  parse: (given) => LEFT_OUT.find((known) => known === given),
  suggest: (given) => nearest(given, LEFT_OUT),
};

export const ownerRule: Kind<OwnerRule> = {
  metavar: 'RULE',
  takes: 'NAME=NAME or NAME=NUMBER (user:NAME=… or group:NAME=… for one alone), or numeric',
  parse: parseOwnerRule,
  show: ownerRuleText,
  suggest: (given) => nearest(given.toLowerCase(), ['numeric']),
  advise: (given) =>
    isRootName(given.replace(/^(user|group):/, '').split('=')[0]!)
      ? 'root is root everywhere, and needs no rule'
      : undefined,
};

/** The SHA-256 of a certificate, as `lm serve`, `openssl x509 -fingerprint` and browsers print it. */
export const fingerprint: Kind<string> = {
  metavar: 'SHA256',
  takes: 'a SHA-256 fingerprint, 64 hex digits such as AB:CD:… or abcd…',
  parse: (given) => {
    const digits = given.trim().replace(/^sha-?256(?: fingerprint)?\s*[:= ]\s*/i, '');
    if (!/^(?:[0-9a-f]{64}|[0-9a-f]{2}(?:[: ][0-9a-f]{2}){31})$/i.test(digits)) return undefined;
    return digits
      .toUpperCase()
      .match(/[0-9A-F]{2}/g)!
      .join(':');
  },
};

/** A name as certificates have it. OpenSSL takes one with a full stop in front for all the names below it. */
export const certificateName: Kind<string> = {
  metavar: 'NAME',
  takes: 'a host name as in a certificate, without wildcards',
  parse: (given) => (/^[^\s.*\p{Cc}][^*\p{Cc}]*$/u.test(given) && isIP(given) === 0 ? given : undefined),
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
  suggest(given) {
    if (given.startsWith('/')) return undefined; // a path, of which nobody knows yet below which root it lies
    const names = given.split('/').filter((name) => name !== '');
    const [first = '', second = ''] = names;
    const type = nearest(first.toLowerCase(), DIR_TYPES);
    if (type === undefined) {
      const isRoot = /^\d+$/.test(second); // of a type that is not known, rather than a keyspace and a table of this name
      return names.length > 0 && !isRoot ? keyPrefix.parse(`data/0/${names.join('/')}`, '') : undefined;
    }
    return keyPrefix.parse([type, ...(/^\d+$/.test(second) ? [] : ['0']), ...names.slice(1)].join('/'), '');
  },
};

/** A word as a person may have meant it: a decimal comma, and no spaces. */
const tidy = (given: string): string => given.replaceAll(/\s/g, '').replace(/^(\d+),(\d{1,2}|\d{4,})(?!\d)/, '$1.$2');

/** `1,000` and `1_000` and `1 000`, which no option takes. */
const withoutGroups = (given: string): string => given.replaceAll(/(?<=\d)[,_ ](?=\d{3}\b)/g, '');

/** The first guess that would do, unless it is what was given. */
const firstThat = (parse: (guess: string) => unknown, guesses: readonly string[]): string | undefined =>
  guesses.find((guess) => parse(guess) !== undefined);

function absolute(given: string, base: string): string | undefined {
  if (given === '' || given === '~' || given.startsWith('~/') || given.includes('\0')) return undefined;
  return given.startsWith('/') ? given : `${base}/${given}`;
}
