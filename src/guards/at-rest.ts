// What speaks against a source that is said to stand still, and the refusals it amounts to. Asks nobody and waits for nobody.

import { LmError, printable } from '../errors.js';
import { listenerText, suspicionText } from '../linux/service-ports.js';
import type { OpenFilesReport } from '../wire/messages.js';
import { gapsOf } from './guard-service.js';

/** Beside the first. */
const SHOWN = 10;

/** One reason to believe that the source is not at rest. */
export interface Unrest {
  /** Who is to stop: `java (pid 7)`. */
  name: string;
  /** `java (pid 7) has /data/x open for writing` */
  text: string;
  /** The same once it holds no more: `java (pid 7) no longer has /data/x open for writing`. */
  until: string;
  /** What the message adds for people: where it listens, and why that matters. */
  detail?: string;
}

/** Who is there to be waited for; of those who write no more than are ever shown, for a source may name any number. */
export function presences({ writers, ports }: OpenFilesReport): Unrest[] {
  return [
    ...writers.slice(0, 1 + SHOWN).map((writer) => {
      const name = processText(writer);
      return { name, text: writerText(writer), until: `${name} no longer ${holdingText(writer)}` };
    }),
    ...(ports?.listeners ?? []).map((listener) => {
      const text = listenerText(listener);
      const [name] = text.split(' listens on ') as [string];
      const why = suspicionText(listener.why, printable(listener.name));
      return { name, text, until: text.replace(' listens on ', ' no longer listens on '), detail: `${text}: ${why}` };
    }),
  ];
}

type Writer = OpenFilesReport['writers'][number];

/** `java (pid 7) has /data/x open for writing` */
export const writerText = (writer: Writer): string => `${processText(writer)} ${holdingText(writer)}`;

const processText = ({ pid, command }: Writer): string => `${printable(command)} (pid ${pid})`;
const holdingText = ({ path }: Writer): string => `has ${printable(path)} open for writing`;

const AS_IT_IS = '--allow-live-source takes the copy as it is, which is kept either way';

/** Names the first in its last line too: that is the one which is read. */
export function unrestRefusal([first, ...rest]: readonly [Unrest, ...Unrest[]]): LmError {
  const what = first.detail ? 'the service at the source seems to run' : 'the source is still written to';
  return new LmError('refused', `${what}: ${first.text}`, {
    details: [
      ...(first.detail ? [first.detail] : []),
      ...rest.slice(0, SHOWN).map(({ detail, text }) => detail ?? text),
    ],
    hint: `stop the service there and copy again once ${first.until}; ${AS_IT_IS}`,
  });
}

/** Of the operator's own check; undefined when it succeeded, or there is none. */
export function checkRefusal({ check }: OpenFilesReport): LmError | undefined {
  if (!check || check.succeeded) return undefined;
  return new LmError(
    'refused',
    `the source is not at rest: its --at-rest-check ended with ${printable(check.end)}: ${printable(check.command)}`,
    {
      details: check.lines.slice(-SHOWN).map(printable),
      hint: `the command is to exit with 0 there once the service is stopped; ${AS_IT_IS}`,
    },
  );
}

/** Where a service is there to be stopped, and neither its files, its ports nor a check can tell whether it was. */
export function blindRefusal(report: OpenFilesReport): LmError | undefined {
  const { inspection, ports, check } = report;
  // An agent that says nothing of it is an older one, which can be told of no port either.
  if (!inspection || inspection.complete || check || (ports && ports.guarded > 0)) return undefined;
  const gaps = gapsOf({ hidden: inspection.hidden, uninspected: report.uninspected });
  return new LmError('refused', `cannot tell whether the service at the source is stopped: ${gaps.join('; ')}`, {
    hint:
      'there, give lm serve a port of the service with --guard-port, or a command with --at-rest-check, or run it as root of the host ' +
      `itself, and copy again; ${AS_IT_IS}`,
  });
}
