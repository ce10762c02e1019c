// `lm limit`: says what limit the copy or verification that runs here keeps to, or gives it another.

import { LmError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import type { Io } from '../io.js';
import { askForLimit, findLimitedRun, type LimitedRun } from '../migration/limit/ask-limit.js';
import { noneKnown } from '../migration/this-migration.js';
import { createRenderer } from '../render/create-renderer.js';
import { read } from '../settings/layers.js';
import { resolve } from '../settings/resolve.js';
import type { CommonSettings } from '../settings/settings.js';
import type { Stated } from '../settings/stated.js';
import { findInstance, type Instance, listInstances, rootsText } from '../state/instance.js';
import { holderText } from '../state/lock/lock-holder.js';

/** What `--limit-rate` has no word for: the limit with which the run was started. */
const DEFAULT = 'default';

export async function run(stated: Stated, io: Io): Promise<number> {
  const settings = resolve('limit', stated);
  const { rate } = stated;
  const asked = rate === undefined || rate.toLowerCase() === DEFAULT ? null : limitIn(rate, io.cwd);
  const renderer = createRenderer({ ...settings, ...io });
  const instance = await runningInstance(settings);
  const found = rate === undefined ? await findLimitedRun(instance) : await askForLimit(instance, asked);
  const { run, text, bytesPerSecond = null } = found.limit;
  renderer.print(
    'summary',
    { command: 'limit', instance: instance.name, limitedRun: run, bytesPerSecond, limit: text },
    [
      `limit of ${holderText(found.holder)}, run ${run}: ${text}`,
      ...(rate === undefined ? [] : ['it holds until that run ends; the next one begins with what it is told']),
    ],
  );
  renderer.close();
  return EXIT.ok;
}

/** As an operator would state it, with the zone by whose clock it goes. Throws `usage`. */
const limitIn = (rate: string, cwd: string): string =>
  read('limit-rate', rate, { source: 'flag', where: 'RATE' }, cwd).text as string;

/** The one that --instance names, else the only one for which something runs. Throws `usage` where it is not clear which is meant. */
async function runningInstance({ stateDir, instance: name }: CommonSettings): Promise<Instance> {
  if (name !== undefined) {
    const found = findInstance({ stateDir, role: 'destination', name });
    if (found) return found;
    throw noneKnown({ stateDir, role: 'destination' }, name);
  }
  const known = listInstances(stateDir, 'destination');
  const [first] = known;
  if (!first) throw noneKnown({ stateDir, role: 'destination' }, undefined);
  const running: Instance[] = [];
  for (const instance of known) if (await isLimited(instance)) running.push(instance);
  if (running.length <= 1) return running[0] ?? first;
  throw new LmError('which-migration', 'several copies or verifications run on this host', {
    details: running.map((one) => `${one.name}  ${rootsText(one.roots)}`),
    hint: 'say which one with --instance NAME',
  });
}

const isLimited = (instance: Instance): Promise<LimitedRun | undefined> =>
  findLimitedRun(instance).catch((error) => {
    if (error instanceof LmError && error.code === 'refused') return undefined;
    throw error;
  });
