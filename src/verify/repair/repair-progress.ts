// Tells how far a repair has come. Each byte of a wrong file is read once more, mended, and read again: it counts a third with each of these.

import type { Emit } from '../../events.js';
import type { WrongFile } from './wrong-files.js';

type Stage = 'look' | 'mend' | 'verify';

export interface RepairProgress {
  /** Runs one stage of a file. */
  during<T>(stage: Stage, file: WrongFile, act: () => Promise<T>): Promise<T>;
  /** The file has come to its end; it has no other stage. */
  ended(file: WrongFile): void;
  close(): void;
}

const EMIT_EVERY_MS = 500;

/** `bytes`: how many bytes each stage has got through so far, of whatever file; it may count some twice. */
export function createRepairProgress(
  files: readonly WrongFile[],
  bytes: Record<Stage, () => number>,
  emit: Emit,
): RepairProgress {
  const bytesTotal = files.reduce((sum, file) => sum + sizeOf(file), 0);
  const done: Record<Stage, number> = { look: 0, mend: 0, verify: 0 };
  const stagesOf = new Map<WrongFile, Set<Stage>>();
  let filesDone = 0;
  let now: { stage: Stage; file: WrongFile; before: number } | undefined;

  function emitProgress(): void {
    const whole = STAGES.reduce((sum, stage) => sum + done[stage], 0);
    const part = now ? Math.min(sizeOf(now.file), Math.max(0, bytes[now.stage]() - now.before)) : 0;
    const bytesDone = Math.floor((whole + part) / STAGES.length);
    emit({
      ...{ type: 'progress', iteration: 0, doing: 'repair' },
      ...{ bytesDone, bytesTotal, filesDone, filesTotal: files.length },
    });
  }

  function pass(stage: Stage, file: WrongFile): void {
    const passed = stagesOf.get(file) ?? new Set();
    if (!passed.has(stage)) done[stage] += sizeOf(file);
    stagesOf.set(file, passed.add(stage));
  }

  const timer = setInterval(emitProgress, EMIT_EVERY_MS);
  return {
    async during(stage, file, act) {
      now = { stage, file, before: bytes[stage]() };
      try {
        return await act();
      } finally {
        now = undefined;
        pass(stage, file);
      }
    },
    ended(file) {
      for (const stage of STAGES) pass(stage, file);
      stagesOf.delete(file);
      filesDone++;
    },
    close() {
      clearInterval(timer);
      if (filesDone > 0) emitProgress();
    },
  };
}

const STAGES: readonly Stage[] = ['look', 'mend', 'verify'];

const sizeOf = ({ source }: WrongFile): number => Number(source.size);
