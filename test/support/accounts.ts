// A host with its own accounts: a process that sees another /etc/passwd and /etc/group. Needs root.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { IS_ROOT } from './as-user.js';
import type { Host } from './sandbox.js';

export const CAN_HAVE_ACCOUNTS = IS_ROOT && spawnSync('unshare', ['-m', 'true']).status === 0;

/** Name → number. */
type Ids = Record<string, number>;

/** The flags of `unshare` for a program on this host, with root and these accounts; the files are written at each call. */
export function withAccounts(host: Pick<Host, 'path'>, users: Ids, groups: Ids = users): string[] {
  const [passwd, group] = [host.path('passwd'), host.path('group')];
  const lines = (ids: Ids, rest: (id: number) => string) =>
    Object.entries({ root: 0, ...ids }).map(([name, id]) => `${name}:x:${rest(id)}\n`);
  writeFileSync(passwd, lines(users, (id) => `${id}:${id}::/:/bin/sh`).join(''));
  writeFileSync(group, lines(groups, (id) => `${id}:`).join(''));
  const bind = `mount --bind '${passwd}' /etc/passwd && mount --bind '${group}' /etc/group && exec "$@"`;
  return ['unshare', '-m', 'sh', '-c', bind, 'sh'];
}
