// `list+copy=FILE`: what a credential of an agent allows, and which one it is. Opens no file.

import { PERMISSIONS, type Permission } from '../../permissions.js';
import { certificateName, type OptionType, path } from '../types.js';

/** `of`: the path of a token's file, or a name that a certificate has. */
interface Permitted {
  permissions: Permission[];
  of: string;
}

const permitted = ({ metavar, parse, completes }: OptionType<string>): OptionType<Permitted> => ({
  metavar: `PERMISSIONS=${metavar}`,
  takes: `some of ${PERMISSIONS.join('+')}, then =${metavar}, such as list+copy=${metavar}`,
  parse(given, base) {
    const [, words = '', word = ''] = /^([^=]*)=(.*)$/s.exec(given) ?? [];
    const asked = new Set(words.split('+'));
    const permissions = PERMISSIONS.filter((known) => asked.has(known));
    const of = parse(word, base);
    return of !== undefined && permissions.length === asked.size ? { permissions, of } : undefined;
  },
  ...(completes ? { completes: { ...completes, words: PERMISSIONS } } : {}),
  show: ({ permissions, of }) => `${permissions.join('+')}=${of}`,
});

export const permittedToken = permitted(path('FILE'));
export const permittedName = permitted(certificateName);
