// The types of options: how the text of a value is read, and what is suggested for a wrong one. options.ts gives each option its type.

import { isIP, isIPv6 } from 'node:net';
import { DIR_TYPES, type DirType } from '../files/entry.js';
import { hostAndPort } from '../linux/addresses.js';
import { isRootName, type OwnerRule, ownerRuleText, parseOwnerRule } from '../owners/owner-rules.js';
import type { RateLimit } from '../pace/rate-limit.js';
import {
  type DeleteLimit,
  parseDeleteLimit,
  parseDuration,
  parseInteger,
  parseRate,
  parseRatio,
  plain,
  plainDuration,
  RATE_UNITS,
} from './units.js';
import { type ListenAddress, parseGuardPort, parseListen } from './values/listen-address.js';
import { nearest } from './values/nearest.js';
import { faultInRateLimit, isTimetable, parseRateLimit } from './values/rate-limit.js';

export interface OptionType<T> {
  /** The placeholder in `--help`; '' for a switch, which takes no value. */
  metavar: string;
  /** Ends the sentence "got X, takes …". */
  takes: string;
  /** Undefined when `text` is not valid. `base` is the absolute directory that a relative path starts from. */
  parse(text: string, base: string): T | undefined;
  /** The text of a value, where the value is not that text itself. It is remembered, and read back. */
  show?(value: T): string;
  /** What an invalid text was probably meant to be. */
  suggest?(text: string): string | undefined;
  /** A hint for an invalid text that has no suggestion. */
  advise?(text: string): string | undefined;
  /** An invalid text without the secret in it, for messages. */
  mask?(text: string): string;
  /** A flag without a value states this. */
  bare?: string;
  /** What a shell may offer for a value; nothing where a value is anybody's guess. */
  completes?: Completes;
}

/** `words`: the value is one of them. `path`: it is one. Both: it is `WORD=PATH`. */
export interface Completes {
  words?: readonly string[];
  path?: 'file' | 'directory';
}

/** A `--root` as typed, before `data` directories are numbered. */
export interface TypedDir {
  type: DirType;
  /** Absolute, otherwise as given. */
  path: string;
}

const YES = ['true', 'yes', 'on', '1'];
const NO = ['false', 'no', 'off', '0'];

export const toggle: OptionType<boolean> = {
  metavar: '',
  takes: 'true or false',
  parse: (text) => (YES.includes(text.toLowerCase()) ? true : NO.includes(text.toLowerCase()) ? false : undefined),
};

export const text = (metavar: string): OptionType<string> => ({
  metavar,
  takes: 'a text that is not empty',
  parse: (given) => (given.trim() === '' ? undefined : given),
});

/** A pattern of Java's PathMatcher; patterns/ checks what follows the prefix. */
export const pattern: OptionType<string> = {
  metavar: 'PATTERN',
  takes: "a pattern that begins with 'glob:' or 'regex:'",
  parse: (given) => (/^(glob|regex):./s.test(given) ? given : undefined),
  suggest: (given) => (given === '' || /^\w+:/.test(given) ? undefined : `glob:${given}`),
};

/** patterns/ checks whether it is a glob. */
export const shellGlob: OptionType<string> = {
  metavar: 'GLOB',
  takes: 'a glob, such as **/*.tmp',
  parse: (given) => (given === '' ? undefined : given),
};

export const choice = <const T extends string>(...values: T[]): OptionType<T> => ({
  metavar: values.join('|'),
  takes: `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`,
  parse: (given) => values.find((value) => value === given.toLowerCase()),
  suggest: (given) => nearest(given.toLowerCase(), values),
  completes: { words: values },
});

export const integer = (min: number, max?: number): OptionType<number> => ({
  metavar: 'N',
  takes: max === undefined ? `a whole number, ${min} or more` : `a whole number from ${min} to ${max}`,
  parse: (given) => parseInteger(given, min, max),
  suggest: (given) => firstValid((guess) => parseInteger(guess, min, max), [tidy(given), withoutGroups(given)]),
});

export const ratio: OptionType<number> = {
  metavar: 'RATIO',
  takes: 'a number from 0 to 1, or a percentage',
  parse: parseRatio,
  suggest(given) {
    const guess = firstValid(parseRatio, [tidy(given), `${tidy(given)}%`]);
    return guess?.endsWith('%') ? `${parseRatio(guess)} (or ${guess})` : guess;
  },
};

export const deleteLimit: OptionType<DeleteLimit> = {
  metavar: 'LIMIT',
  takes: 'a percentage (50%) or a number of entries (1000)',
  parse: parseDeleteLimit,
  suggest(given) {
    const share = parseRatio(tidy(given)); // 0.5 is meant as a share: as a number of entries it would be 0
    if (share !== undefined && !given.includes('%')) return `${plain(share * 100)}%`;
    return firstValid(parseDeleteLimit, [tidy(given), withoutGroups(given)]);
  },
};

/** Bytes per second. */
export const rate: OptionType<number> = {
  metavar: 'RATE',
  takes: 'an amount with its unit per second, such as 200MiB/s, 25MB/s or 1Gbit/s',
  parse: parseRate,
  suggest(given) {
    const amount = tidy(given).replace(/(ps|\/s(ec(ond)?)?)$/i, '');
    const units = /\d$/.test(amount) ? ['MiB'] : /\d[kMGT]b$/.test(amount) ? ['it'] : ['', 'B', 'it'];
    return firstValid(
      parseRate,
      units.map((more) => inKnownUnit(`${amount}${more}`)),
    );
  },
};

export const rateLimit: OptionType<RateLimit> = {
  metavar: 'RATE',
  takes: 'a rate, such as 200MiB/s or 1Gbit/s, off, or a timetable, such as 08:00-18:00=50MiB/s, else 400MiB/s',
  parse: parseRateLimit,
  show: ({ text }) => text,
  suggest: (given) => (isTimetable(given) ? undefined : rate.suggest?.(given)),
  advise: faultInRateLimit,
};

/** `200mib` as a valid rate: the case of its letters tells one unit from another, so the right case is suggested and never assumed. */
function inKnownUnit(given: string): string {
  const [, amount = '', unit = ''] = /^([\d.]+)([A-Za-z]+)$/.exec(given) ?? [];
  const isUnit = (one: string): boolean => one.toLowerCase() === unit.toLowerCase();
  return `${amount}${RATE_UNITS.find((one) => one === unit) ?? RATE_UNITS.find(isUnit) ?? unit}/s`;
}

/** Milliseconds. */
export const duration: OptionType<number> = {
  metavar: 'TIME',
  takes: 'a time with its unit, such as 30s, 5m or 2h',
  parse: parseDuration,
  suggest(given) {
    const [, amount, unit = 's'] = /^([\d.]+) ?([a-z]*)$/.exec(tidy(given).toLowerCase()) ?? [];
    if (amount === undefined || unit.startsWith('mo')) return undefined; // months are no unit here, and must not become minutes
    const short = /^(ms|mil)/.test(unit) ? 'ms' : (unit[0] ?? 's');
    return firstValid(parseDuration, [`${amount}${short}`]);
  },
};

/** Milliseconds, 0 included, which needs no unit. */
export const waitingTime: OptionType<number> = {
  ...duration,
  takes: 'a time with its unit, such as 30s, 5m or 2h; or 0',
  parse: (given) => (/^0 ?(ms|s|m|h|d)?$/.test(given) ? 0 : parseDuration(given)),
  show: plainDuration,
};

/** Milliseconds between two looks; 0 is none. */
export const watching: OptionType<number> = {
  ...duration,
  takes: 'nothing, or a time with its unit, such as 2s or 1m',
  bare: '2s',
  parse: (given) => {
    const asked = toggle.parse(given, '');
    return asked === undefined ? parseDuration(given) : asked ? parseDuration(watching.bare!) : 0;
  },
};

export const listen: OptionType<ListenAddress> = {
  metavar: 'HOST:PORT',
  takes: 'HOST:PORT, :PORT for every address, or a port for loopback',
  parse: parseListen,
  suggest(given) {
    const host = given.replace(/^https?:\/\//i, '').replace(/\/+$/, '');
    const guesses = isIPv6(host) ? [`[${host}]:9043`] : [host, `${host}:9043`];
    return firstValid((guess) => (guess === given ? undefined : parseListen(guess)), guesses);
  },
};

/** A port of the service, on any address or on one. */
export const guardPort: OptionType<number | ListenAddress> = {
  metavar: '[ADDRESS:]N',
  takes: 'a port from 1 to 65535, or ADDRESS:PORT for a service that listens on that address alone',
  parse: parseGuardPort,
  show: (guarded) => (typeof guarded === 'number' ? `${guarded}` : hostAndPort(guarded.host, guarded.port)),
};

export const path = (metavar: 'FILE' | 'DIR'): OptionType<string> => ({
  metavar,
  takes: 'a path (a leading ~ is for the shell to expand)',
  parse: (given, base) => (isStandard(given) ? undefined : absolute(given, base)),
  suggest: (given) => (isStandard(given) ? './-' : undefined),
  completes: { path: metavar === 'DIR' ? 'directory' : 'file' },
});

/** Other programs take it for their standard input or output, which lm neither reads secrets from nor writes reports to. */
const isStandard = (given: string): boolean => given === '-';

export const typedDir: OptionType<TypedDir> = {
  metavar: 'TYPE=DIR',
  takes: `TYPE=DIR where TYPE is one of ${DIR_TYPES.join(', ')}`,
  parse: (given, base) => {
    const equals = given.indexOf('=');
    const type = DIR_TYPES.find((known) => known === given.slice(0, equals));
    const dir = absolute(given.slice(equals + 1), base);
    return type && dir ? { type, path: dir } : undefined;
  },
  completes: { words: DIR_TYPES, path: 'directory' },
  show: ({ type, path }) => `${type}=${path}`,
  suggest(given) {
    const [, word, dir] = /^(\w+)[=:](.+)$/s.exec(given) ?? [];
    if (word === undefined || dir === undefined)
      return /^\.{0,2}\//.test(given) && absolute(given, '/') ? `data=${given}` : undefined;
    const type = nearest(word.toLowerCase(), DIR_TYPES);
    return type && absolute(dir, '/') ? `${type}=${dir}` : undefined;
  },
};

/** Types of roots that may be left out; without data there is nothing to move. */
const LEFT_OUT = DIR_TYPES.filter((type) => type !== 'data');

export const leftOutType: OptionType<DirType> = {
  metavar: 'TYPE',
  takes: `one of ${LEFT_OUT.join(', ')}`,
  parse: (given) => LEFT_OUT.find((known) => known === given),
  suggest: (given) => nearest(given, LEFT_OUT),
  completes: { words: LEFT_OUT },
};

export const ownerRule: OptionType<OwnerRule> = {
  metavar: 'RULE',
  takes: 'NAME=NAME or NAME=NUMBER (user:NAME=… or group:NAME=… for one alone), or numeric',
  parse: parseOwnerRule,
  show: ownerRuleText,
  suggest: (given) => nearest(given.toLowerCase(), ['numeric']),
  completes: { words: ['numeric'] },
  advise: (given) =>
    isRootName(given.replace(/^(user|group):/, '').split('=')[0]!)
      ? 'root is root everywhere, and needs no rule'
      : undefined,
};

/** The SHA-256 of a certificate, as `lm serve`, `openssl x509 -fingerprint` and browsers print it. */
export const fingerprint: OptionType<string> = {
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

/** A name as in a certificate. A leading full stop is refused: OpenSSL takes such a name for all names below it. */
export const certificateName: OptionType<string> = {
  metavar: 'NAME',
  takes: 'a host name as in a certificate, without wildcards',
  parse: (given) => (/^[^\s.*\p{Cc}][^*\p{Cc}]*$/u.test(given) && isIP(given) === 0 ? given : undefined),
};

/** A prefix of keys, without a trailing slash: `data/0/ks`. */
export const keyPrefix: OptionType<string> = {
  metavar: 'PREFIX',
  takes: 'TYPE/INDEX, or a path below it such as data/0/keyspace',
  parse: (given) => {
    const [type, index, ...names] = given.replace(/\/+$/, '').split('/');
    if (!DIR_TYPES.some((known) => known === type) || !/^(0|[1-9]\d{0,8})$/.test(index ?? '')) return undefined;
    if (names.some((name) => name === '' || name === '.' || name === '..' || name.includes('\0'))) return undefined;
    return [type, index, ...names].join('/');
  },
  suggest(given) {
    if (given.startsWith('/')) return undefined; // a path: which root it lies below is not known here
    const names = given.split('/').filter((name) => name !== '');
    const [first = '', second = ''] = names;
    const type = nearest(first.toLowerCase(), DIR_TYPES);
    if (type === undefined) {
      const isRoot = /^\d+$/.test(second); // a root of an unknown type, rather than a keyspace and a table with a number for a name
      return names.length > 0 && !isRoot ? keyPrefix.parse(`data/0/${names.join('/')}`, '') : undefined;
    }
    return keyPrefix.parse([type, ...(/^\d+$/.test(second) ? [] : ['0']), ...names.slice(1)].join('/'), '');
  },
};

/** Without spaces, and with a decimal point for a decimal comma. */
const tidy = (given: string): string => given.replaceAll(/\s/g, '').replace(/^(\d+),(\d{1,2}|\d{4,})(?!\d)/, '$1.$2');

/** `1000` for `1,000`, `1_000` and `1 000`, which no option takes. */
const withoutGroups = (given: string): string => given.replaceAll(/(?<=\d)[,_ ](?=\d{3}\b)/g, '');

/** The first guess that is valid. */
const firstValid = (parse: (guess: string) => unknown, guesses: readonly string[]): string | undefined =>
  guesses.find((guess) => parse(guess) !== undefined);

function absolute(given: string, base: string): string | undefined {
  if (given === '' || given === '~' || given.startsWith('~/') || given.includes('\0')) return undefined;
  return given.startsWith('/') ? given : `${base}/${given}`;
}
