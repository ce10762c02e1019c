// `lm doctor`: says what is in the way of a migration, on both sides, before it begins. The exit code is that of the worst error.

import { exitCodeFor } from '../doctor/finding.js';
import { runDoctor } from '../doctor/run.js';
import { EXIT_MEANING } from '../exit-codes.js';
import type { Io } from '../io.js';
import { createRenderer } from '../render/create-renderer.js';
import { exitName } from '../render/summary.js';
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
    renderer.print('summary', fields, [endLine(findings, exitCode, EXIT_MEANING[result])]);
    return exitCode;
  } finally {
    renderer.close();
  }
}
