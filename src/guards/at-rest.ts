// Finds activity in a source's report of open files, and makes the refusals. guard-source.ts requests the report and waits.

import { LmError, printable } from '../errors.js';
import { listenerText, matchReasonText } from '../linux/service-ports.js';
import type { OpenFilesReport } from '../wire/messages.js';
import { gapsOf } from './guard-service.js';

/** How many are named beside the first. */
const SHOWN = 10;

/** One sign that the source is not at rest: a process that writes, or a service that listens. */
export interface Activity {
  /** Who is to stop: `java (pid 7)`. */
  name: string;
  /** `java (pid 7) has /data/x open for writing` */
  text: string;
  /** The same once it holds no more: `java (pid 7) no longer has /data/x open for writing`. */
  until: string;
  /** Where a service listens, and why that matters; for people. */
  detail?: string;
}

/** The processes at work; of those that write, only as many as are shown with all that listen, because a source may name any number. */
export function activitiesIn({ writers, ports }: OpenFilesReport): Activity[] {
  const listeners = ports?.listeners ?? [];
  return [
    ...writers.slice(0, 1 + Math.max(0, SHOWN - listeners.length)).map((writer) => {
      const name = processText(writer);
      return { name, text: writerText(writer), until: `${name} no longer ${holdingText(writer)}` };
    }),
    ...listeners.map((listener) => {
      const text = listenerText(listener);
      const [name] = text.split(' listens on ') as [string];
      const why = matchReasonText(listener.why, printable(listener.name));
      return { name, text, until: text.replace(' listens on ', ' no longer listens on '), detail: `${text}: ${why}` };
    }),
  ];
}

type Writer = OpenFilesReport['writers'][number];

/** `java (pid 7) has /data/x open for writing` */
export const writerText = (writer: Writer): string => `${processText(writer)} ${holdingText(writer)}`;

const processText = ({ pid, command }: Writer): string => `${printable(command)} (pid ${pid})`;
const holdingText = ({ path }: Writer): string => `has ${printable(path)} open for writing`;

const OVERRIDE_HINT = '--allow-live-source takes the copy as it is, which is kept either way';

/** The hint, which people read first, names the first process as well. */
export function activityRefusal([first, ...rest]: readonly [Activity, ...Activity[]]): LmError {
  const what = first.detail ? 'the service at the source seems to run' : 'the source is still written to';
  return new LmError('source-in-use', `${what}: ${first.text}`, {
    details: [
      ...(first.detail ? [first.detail] : []),
      ...rest.slice(0, SHOWN).map(({ detail, text }) => detail ?? text),
    ],
    hint: `stop the service there and copy again once ${first.until}; ${OVERRIDE_HINT}`,
  });
}

/** The refusal for the operator's own check; undefined when it succeeded, or there is none. */
export function checkRefusal({ check }: OpenFilesReport): LmError | undefined {
  if (!check || check.succeeded) return undefined;
  return new LmError(
    'source-in-use',
    `the source is not at rest: its --at-rest-check ended with ${printable(check.end)}: ${printable(check.command)}`,
    {
      details: check.lines.slice(-SHOWN).map(printable),
      hint: `the command is to exit with 0 there once the service is stopped; ${OVERRIDE_HINT}`,
    },
  );
}

/** The refusal when neither open files, nor ports, nor a check can show whether the service is stopped. */
export function uninspectedRefusal(report: OpenFilesReport): LmError | undefined {
  const { inspection, ports, check } = report;
  // An agent without `inspection` is an older one, which takes no port either.
  if (!inspection || inspection.complete || check || (ports && ports.guarded > 0)) return undefined;
  const gaps = gapsOf({ hidden: inspection.hidden, uninspected: report.uninspected });
  return new LmError('source-in-use', `cannot tell whether the service at the source is stopped: ${gaps.join('; ')}`, {
    hint:
      'there, give lm serve a port of the service with --guard-port, or a command with --at-rest-check, or run it as root of the host ' +
      `itself, and copy again; ${OVERRIDE_HINT}`,
  });
}
