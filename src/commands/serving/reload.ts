// On SIGHUP an agent reads its credentials and its limit again, opens its access log again, and reports it. What fails gives a warning, and stays in use.

import { LmError, printable } from '../../errors.js';
import type { Io } from '../../io.js';
import type { Renderer } from '../../render/renderer.js';
import type { Reloaded } from '../../serve/credentials.js';
import type { ReloadStep } from '../../serve/run.js';

export function reloadOnHangup({ onHangup }: Io, renderer: Renderer, steps: readonly ReloadStep[]): void {
  onHangup?.(() => {
    const reloaded = steps.flatMap(([name, read]) => {
      try {
        return read();
      } catch (error) {
        const { message: why, hint } = error instanceof LmError ? error : { message: printable(String(error)) };
        renderer.emit({ type: 'warning', text: `keeping the ${name} in use: ${why}`, ...(hint && { hint }) });
        return [];
      }
    });
    const text = reloaded.map(reloadedText).join(', ') || 'nothing';
    renderer.print('reloaded', { reloaded }, [`read again (SIGHUP): ${text}`]);
  });
}

function reloadedText({ part, isNew, fingerprint, text }: Reloaded): string {
  const what = isNew && fingerprint !== undefined ? `--pin ${fingerprint}` : text;
  return `${part} ${isNew ? 'new' : 'unchanged'}${what === undefined ? '' : ` (${what})`}`;
}
