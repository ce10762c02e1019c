// What differs from run to run and from machine to machine, and the word a trace has in its place: paths, ports, ids, times, inodes.

import { crc32 } from 'node:zlib';

/** Numbers and texts by the key they stand behind in JSON, wherever that is. */
const BY_KEY: readonly [keys: string, word: string][] = [
  ['ts|at|atMs|beganMs|endedMs|endTime|since|elapsedMs', 'TIME'],
  ['ino|partIno', '"INO"'],
  ['birthNs|partBirthNs', '"BIRTH"'],
  ['ctimeNs', '"CTIME"'],
  ['dev|device', '"DEV"'],
  ['machine', '"MACHINE"'],
  ['boot', '"BOOT"'],
  ['pid', 'PID'],
  ['host', '"HOST"'],
];

const UUID = /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g;

/** The trees of the scenarios are of 2023, and their times are the same everywhere. */
const NOW = /\b(?!2023)20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g;

export interface Names {
  /** `value` is called `word` from here on. */
  learn(value: string, word: string): void;
  /** The text as it goes into a trace. */
  plain(text: string): string;
}

/** `dir` is left out of every path. */
export function createNames(dir: string): Names {
  const known = new Map([[dir, '']]);
  return {
    learn: (value, word) => void (known.has(value) || known.set(value, word)),
    plain(text) {
      const longestFirst = [...known].sort(([a], [b]) => b.length - a.length); // one may be part of another
      for (const [value, word] of longestFirst) text = text.replaceAll(value, word);
      for (const [keys, word] of BY_KEY)
        text = text.replace(new RegExp(`"(${keys})":(?:"[^"]*"|[\\d.]+)`, 'g'), `"$1":${word}`);
      return text
        .replace(/,"forecast":\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}/g, '') // how long something would take
        .replace(/"ctimes":\[[^\]]*\]/g, '"ctimes":CTIMES')
        .replace(/"proofs":\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}/g, '"proofs":PROOFS')
        .replace(/(\[\d+,"[0-9a-f]+",[01],(?:null|\{[^}]*\}),)"\d+"\]/g, '$1CTIME]')
        .replace(/"devices":\{[^}]*\}/g, '"devices":DEVICES')
        .replace(/"top":\{[^}]*\}/g, (top) => top.replace(/:"\d+"/g, ':"INO"'))
        .replace(/\b(destination|source)-[0-9a-f]{8}\b/g, '$1-HASH')
        .replace(/-HASH\.20\d\d-\d\d-\d\dT\d\d-\d\d-\d\dZ/g, '-HASH.TIME')
        .replace(/\.lm-[0-9a-f]{16}\.lm-part/g, '.lm-RANDOM.lm-part')
        .replace(/\b127\.0\.0\.1:\d+/g, '127.0.0.1:PORT')
        .replace(/\bpid \d+/g, 'pid PID')
        .replace(NOW, 'TIME')
        .replace(UUID, 'UUID');
    },
  };
}

/** A line of a listing or an inventory: its inodes stand between the second tab and the first `]` behind it. */
export const withoutInodes = (line: string, word: (inode: string) => string): string =>
  line.replace(
    /^(\[.*\t.*\t\[)([\d",]*)(?=\])/,
    (_, before: string, inodes: string) => before + inodes.replace(/\d+/g, word),
  );

/** A journal's line carries the CRC-32 of itself without it. */
export function withoutSum(line: string): string {
  const [, body, sum] = /^(.*),"sum":"([0-9a-f]{8})"\}$/.exec(line) ?? [];
  if (body === undefined) return line;
  const right = crc32(`${body}}`).toString(16).padStart(8, '0') === sum;
  return `${body.replace(/"sum":"[0-9a-f]{16}"/, '"sum":"SUM"')},"sum":${right ? 'RIGHT' : 'WRONG'}}`;
}

const WIDTH = 118;

/** A long line of JSON, broken between members so that a diff can be read. */
export function folded(line: string, indent = '  '): string[] {
  if (line.length <= WIDTH) return [line];
  const lines: string[] = [];
  let current = '';
  for (const member of line.split(/(?<=[,{[])(?=["{[])/)) {
    if (current.trim() !== '' && current.length + member.length > WIDTH) {
      lines.push(current);
      current = indent;
    }
    current += member;
  }
  return [...lines, current];
}
