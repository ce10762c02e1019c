// `lm doctor`: says what is in the way of a migration, on both sides, before it begins. The exit code is that of the worst error.

import { exitCodeFor } from '../doctor/finding.js';
import { type Diagnosis, runDoctor } from '../doctor/run.js';
import { EXIT, EXIT_MEANING } from '../exit-codes.js';
import type { Io } from '../io.js';
import { shellWord } from '../migration/standing/next.js';
import { createRenderer } from '../render/create-renderer.js';
import { exitName } from '../render/summary.js';
import { type OptionName, optionOf } from '../settings/options.js';
import { commonSettings } from '../settings/resolve.js';
import type { Stated } from '../settings/stated.js';
import { endLine, findingLines } from './text/doctor-text.js';
import { thisUser } from './this-user.js';

export async function run(stated: Stated, io: Io): Promise<number> {
  const settings = commonSettings(stated);
  const { json, quiet, verbose } = settings;
  const user = thisUser(io);
  const renderer = createRenderer({ ...settings, ...io });
  const width = io.stdout.isTTY ? io.stdout.columns : undefined;
  try {
    const { role, findings, forecast } = await runDoctor(stated, {
      ...{ cwd: io.cwd, user, signal: io.signal },
      found(finding) {
        if (json || (quiet && finding.severity === 'ok')) return; // one document
        renderer.print('finding', { ...finding }, findingLines(finding, { verbose, width }));
      },
    });
    const exitCode = exitCodeFor(findings);
    const result = exitName(exitCode);
    const fields = { command: 'doctor', exitCode, result, role: role ?? null, findings, forecast: forecast ?? null };
    const next = exitCode === EXIT.ok ? nextCommand(stated, role) : undefined;
    renderer.print('summary', { ...fields, ...(next !== undefined && { next }) }, [
      endLine(findings, exitCode, EXIT_MEANING[result]),
      ...(next === undefined ? [] : [`next: ${next}`]),
    ]);
    return exitCode;
  } finally {
    renderer.close();
  }
}

/** What it has looked at, told what it was told; below 1.0, as a source that is looked at may still be in use. */
function nextCommand({ layers: [flags] }: Stated, role: Diagnosis['role']): string | undefined {
  if (role === undefined) return undefined;
  const command = role === 'source' ? 'serve' : 'copy';
  const words = [...flags].flatMap(([name, { text }]) => {
    const { commands, given, type } = optionOf(name);
    if (!commands.includes(command) || ASIDE.has(name)) return [];
    const values = typeof text === 'string' ? [text] : text;
    if (given === 'argument') return values;
    return values.flatMap((value) =>
      type.metavar === '' ? (value === 'true' ? [`--${name}`] : []) : [`--${name}`, value],
    );
  });
  return ['lm', command, ...words, ...(role === 'source' ? [] : ['--threshold', '0.95'])].map(shellWord).join(' ');
}

/** They are about how this command tells what it finds. */
const ASIDE: ReadonlySet<OptionName> = new Set(['json', 'quiet', 'verbose', 'color']);
