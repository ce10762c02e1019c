import { chmodSync, chownSync, lchownSync, lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { HAS_STRACE, readCalls, tracing } from '../golden/strace.js';
import { CAN_HAVE_ACCOUNTS, withAccounts } from '../support/accounts.js';
import { under as asOther, OTHER_USER, SOMEBODY } from '../support/as-user.js';
import { jsonLines } from '../support/lm.js';
import { longTest } from '../support/long-test.js';
import { type Host, sandbox } from '../support/sandbox.js';
import { dir, link } from '../support/tree.js';

/** The flags of a program that runs as root of a user namespace with this many users and groups. The map is written from outside. */
function inNamespaceOf(many: number, host: Host): string[] {
  const [ready, go] = [host.path('ready'), host.path('go')];
  const inside = `echo >'${ready}' && read -r _ <'${go}' && exec "$@"`;
  const outside = `rm -f '${ready}' '${go}' && mkfifo '${ready}' '${go}'
unshare --user sh -c "$0" sh "$@" &
read -r _ <'${ready}'
for kind in uid gid; do echo '0 0 ${many}' >"/proc/$!/\${kind}_map"; done
echo >'${go}'
wait $!`;
  return ['sh', '-c', outside, inside];
}

/** Whether owners can be given is tried: these are the ways to be able to, or not, that being root says nothing of. */
(CAN_HAVE_ACCOUNTS ? describe : describe.skip)('owners are given by whoever can give them', () => {
  const NAMES = ['d', 'd/x', 'l'];

  async function served(owner: number) {
    const { source, destination } = sandbox();
    const from = source.write('data', { d: dir({ x: 'x' }), l: link('d/x') });
    for (const name of NAMES) lchownSync(join(from, name), owner, owner);
    const { url } = await source.serve([from], { under: withAccounts(source, { db: owner }) });
    const to = destination.write('to', {});
    mkdirSync(destination.stateDir, { recursive: true });
    for (const path of [destination.dir, destination.home, destination.stateDir, to]) {
      chownSync(path, SOMEBODY, SOMEBODY);
      chmodSync(path, 0o755);
    }
    chmodSync(join(destination.dir, '..'), 0o755);
    return { destination, url, to, from };
  }

  const ownersIn = (root: string): string[] =>
    NAMES.map((name) => {
      const { uid, gid } = lstatSync(join(root, name));
      return `${uid}:${gid}`;
    });

  test('not by a user, which is said once, at the end once more, and by verify', async () => {
    const { destination, url, to } = await served(998);
    const under = [...withAccounts(destination, { mail: 998 }), ...asOther(SOMEBODY)];
    const copied = await destination.lm(['copy', url, to], { under });
    expect(copied).toMatchObject({ code: 0, stderr: '' });
    const said = /^owners: neither set nor compared: /gm;
    const row = /^ {2}owners +neither set nor compared: /gm;
    expect([copied.stdout.match(said)?.length, copied.stdout.match(row)?.length]).toEqual([1, 1]);
    expect(ownersIn(to)).toEqual(NAMES.map(() => `${SOMEBODY}:${SOMEBODY}`));
    const verified = await destination.lm(['verify'], { under });
    expect(verified.code).toBe(0);
    expect([verified.stdout.match(said)?.length, verified.stdout.match(row)?.length]).toEqual([1, 1]);
    const { report } = jsonLines((await destination.lm(['copy', '--dry-run', '--json'], { under })).stdout).at(-1)!;
    expect(report.owners).toEqual({ notByName: 'may-not-set', users: [], groups: [] });
  });

  test('by a user with CAP_CHOWN alone, who has to take what he is to change', async () => {
    const { destination, url, to } = await served(998);
    const as = (db: number, ...caps: string[]) => [
      ...[...withAccounts(destination, { db }), ...asOther(SOMEBODY)],
      ...[`--inh-caps=${caps}`, `--ambient-caps=${caps}`],
    ];
    const first = await destination.lm(['copy', url, to], { under: as(117, '+chown') });
    // What was given away can be read and written to only by those who may: that is no matter of owners.
    const again = await destination.lm(['copy'], { under: as(OTHER_USER, '+chown', '+dac_override') });
    for (const { code, stdout } of [first, again]) {
      expect(code).toBe(0);
      expect(stdout).toMatch(/^ {2}state +SUCCESS/m);
      expect(stdout).not.toMatch(/not kept/);
    }
    expect(first.stdout).toContain('user db (998) is 117 here');
    expect(ownersIn(to)).toEqual(NAMES.map(() => `${OTHER_USER}:${OTHER_USER}`));
    expect(await destination.lm(['verify'], { under: as(OTHER_USER, '+chown', '+dac_override') })).toMatchObject({
      code: 0,
    });
  });

  (HAS_STRACE ? test : test.skip)('by such a user the group before the mode, and the user last', async () => {
    const { destination, url, to, from } = await served(998);
    chmodSync(join(from, 'd/x'), 0o660);
    const log = destination.path('calls');
    const caps = '+chown,+dac_override';
    const setpriv = [...asOther(SOMEBODY), `--inh-caps=${caps}`, `--ambient-caps=${caps}`];
    const copy = async (db: number) => {
      const under = [...withAccounts(destination, { db }), ...tracing(log), ...setpriv];
      expect(await destination.lm(['copy', url, to], { under })).toMatchObject({ code: 0 });
      const calls = new Map<string, string>(); // by what they are about: several threads are at work
      for (const { name, args } of readCalls(log).filter((call) => /^f?ch(mod|own)$/.test(call.name)))
        calls.set(args[0]!, `${calls.get(args[0]!) ?? ''}${[name.replace(/^f/, ''), ...args.slice(1)].join(' ')}; `);
      return [...calls.values()].join('\n');
    };
    expect(await copy(117)).toContain('chown -1 117; chmod 0660; chown 117 117; ');
    expect(await copy(OTHER_USER)).toContain(
      `chown ${SOMEBODY} ${OTHER_USER}; chmod 0660; chown ${OTHER_USER} ${OTHER_USER}; `,
    );
  });

  test('by root of a user namespace to those who have a place in it; others are refused before anything is written', async () => {
    const { destination, url, to } = await served(998);
    for (const path of [destination.dir, destination.home, destination.stateDir, to]) chownSync(path, 0, 0);
    const inside = inNamespaceOf(1000, destination);
    const refused = await destination.lm(['copy', url, to], {
      under: [...withAccounts(destination, { db: 5000 }), ...inside],
    });
    expect(refused).toMatchObject({ code: 6 });
    expect(refused.stderr).toContain('user db (998) would be 5000 here, which is not mapped in the user namespace');
    expect(readdirSync(to)).toEqual([]);
    const copied = await destination.lm(['copy', url, to], {
      under: [...withAccounts(destination, { db: 500 }), ...inside],
    });
    expect(copied).toMatchObject({ code: 0 });
    expect(ownersIn(to)).toEqual(NAMES.map(() => '500:500'));
  });

  longTest('not by root of a user namespace that holds nobody else', async () => {
    const { destination, url, to } = await served(998);
    for (const path of [destination.dir, destination.home, destination.stateDir, to]) chownSync(path, 0, 0);
    const under = [...withAccounts(destination, {}), 'unshare', '--map-root-user'];
    const copied = await destination.lm(['copy', url, to], { under });
    expect(copied).toMatchObject({ code: 0, stdout: expect.stringMatching(/^owners: neither set nor compared: /m) });
    expect(ownersIn(to)).toEqual(NAMES.map(() => '0:0'));
  });
});
