// Writes `--report FILE`: every difference of a verification, and what became of those that it repaired, as JSON lines. The file appears whole or not at all.

import { localError, printableJson } from '../errors.js';
import type { Emit } from '../events.js';
import { openReportFile } from '../state/evidence/report-file.js';

interface ReportFile {
  /** Writes `difference`, `repaired` and `verify-ended` events, and ignores others. Throws `local`. */
  emit: Emit;
  /** Removes an unfinished file: only a verification that has ended leaves one. */
  close(): void;
}

/** Lines are gathered up to this size, so that a million differences are not a million writes. */
const AHEAD_CHARACTERS = 64 * 1024;

/** The first line is `head`, the last one the report; each line between is a difference, or tells of a repair. Replaces an earlier file, never a device. */
export function createReportFile(path: string, head: Record<string, unknown>): ReportFile {
  const attempt = <T>(act: () => T): T => {
    try {
      return act();
    } catch (error) {
      throw localError('write', path, error);
    }
  };
  const file = openReportFile('--report', path);
  let text = '';
  const flush = (): void => {
    const bytes = Buffer.from(text);
    text = '';
    file.write(bytes);
  };
  const line = (type: string, fields: object): void => {
    text += `${printableJson(JSON.stringify({ type, ...fields }))}\n`;
    if (text.length > AHEAD_CHARACTERS) attempt(flush);
  };
  const finish = (): void => {
    flush();
    file.replace();
  };
  line('verification', head);
  return {
    emit(event) {
      if (event.type === 'difference') line('difference', event.difference);
      if (event.type === 'repaired') line('repaired', event.repair);
      if (event.type !== 'verify-ended') return;
      const { report, exitCode, message } = event;
      line('end', { ...report, exitCode, message });
      attempt(finish);
    },
    close: () => file.discard(),
  };
}
