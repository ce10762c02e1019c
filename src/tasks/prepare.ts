// Makes the migration of a task from the body of its request. What the body has no field for comes from the settings file, which is read
// for each task, and from what the first copy remembered. Runs nothing.

import { LmError, printable } from '../errors.js';
import type { Io } from '../io.js';
import { type Destination, openDestination } from '../migration/destination.js';
import { readSettingsFile } from '../settings/file.js';
import type { Found, Layer } from '../settings/layers.js';
import type { OptionName } from '../settings/options.js';
import type { Stated } from '../settings/stated.js';
import { removeInstance } from '../state/instance.js';
import type { DataCopyRequest, FilesVerificationRequest } from '../wire/sidecar/task-messages.js';

/** How its agent was started. */
export interface AgentInvocation {
  stated: Stated;
  io: Pick<Io, 'cwd' | 'env'>;
}

interface Agent {
  invocation: AgentInvocation;
  /** The directory of its records. */
  dir: string;
}

/** The options of the agent that hold for its tasks too: which migration it is, and what guards it. All others are about serving. */
const ABOUT_BOTH: readonly OptionName[] = [
  ...(['root', 'cassandra-yaml', 'without', 'exclude', 'host', 'state-dir', 'instance'] as const),
  ...(['guard-port', 'jmx-port'] as const),
];

export const copyFor = (request: DataCopyRequest, agent: Agent): Promise<Destination<'copy'>> =>
  destinationFor('copy', agent, {
    threshold: aboveThreshold(request.successThreshold),
    'max-iterations': request.maxIterations,
    concurrency: request.maxConcurrency,
    'dry-run': false, // a task that changes nothing would be taken for one that does
  });

export const verificationFor = (
  { digestAlgorithm, maxConcurrency }: FilesVerificationRequest,
  agent: Agent,
): Promise<Destination<'verify'>> =>
  destinationFor('verify', agent, {
    algo: digestAlgorithm.toLowerCase(),
    concurrency: maxConcurrency,
    ...{ incremental: false, live: false, offline: false, repair: false }, // whoever asks for a digest means every file as it is, whatever a settings file says
  });

/**
 * The least ratio above `threshold`: the Sidecar's copy goes on until the ratio is above its threshold, that of `lm` until the threshold is
 * met. 1 stays 1.
 */
export function aboveThreshold(threshold: number): number {
  if (threshold >= 1) return 1;
  if (threshold <= 0) return Number.MIN_VALUE;
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, threshold);
  view.setBigUint64(0, view.getBigUint64(0) + 1n);
  return Math.min(view.getFloat64(0), 1 - Number.EPSILON / 2); // never rounded up to 1, which asks for a final pass
}

/** The records are not new: they belong to the agent, and a task that is refused does not remove them. */
async function destinationFor<C extends 'copy' | 'verify'>(
  command: C,
  { invocation: { stated, io }, dir }: Agent,
  values: Partial<Record<OptionName, string | number | boolean>>,
): Promise<Destination<C>> {
  const [flags, environment, , remembered, derived] = stated.layers;
  // The file is read anew for each task, so its layer of the agent's start is left out.
  const file: Layer = (stated.file === undefined ? undefined : readSettingsFile(stated.file)?.layer) ?? new Map();
  const asked = new Map<OptionName, Found>();
  for (const name of ABOUT_BOTH) {
    const found = flags.get(name) ?? environment.get(name);
    if (found) asked.set(name, found);
  }
  for (const [name, value] of Object.entries(values))
    asked.set(name as OptionName, {
      value,
      text: String(value),
      origin: { source: 'flag', where: 'the body of the request' },
    });
  const layers = [asked, new Map(), file, remembered, derived] as const;
  const destination = await openDestination(command, { ...stated, command, layers }, io);
  if (destination.instance.dir !== dir) throw ofAnother(destination);
  return { ...destination, isNew: false };
}

/** The agent lists and completes the directories it was started for: a task must not copy to others. */
function ofAnother({ roots, instance, isNew }: Destination<'copy' | 'verify'>): LmError {
  if (isNew) removeInstance(instance);
  const named = roots.map(({ key, path }) => `${key}=${printable(path)}`).join(', ');
  return new LmError('refused', `the settings are now for another migration than this agent's: ${named}`, {
    hint: 'start the agent again to have its tasks there',
  });
}
