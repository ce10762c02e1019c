// Returns the ids of this machine, of its boot and of its agent. The machine's own id is hashed, because it is private to the machine.

import { createHash, randomUUID } from 'node:crypto';
import { uptime } from 'node:os';
import { join } from 'node:path';
import { LmError, printable } from '../../errors.js';
import { createFileAtomically, readFileIfThere } from '../atomic-file.js';

/** Changes with every boot; what was written under another boot and never synced may be lost. */
export function bootId(): string {
  const known = readFileIfThere('/proc/sys/kernel/random/boot_id')?.trim();
  if (known) return known;
  return `booted-${Math.round((Date.now() / 1000 - uptime()) / 60)}`; // elsewhere, to the minute; a wrong guess costs work only
}

/** 32 hex digits that stay the same on this machine. `dir` keeps an id for a machine that has none of its own. */
export function machineId(dir: string, file = '/etc/machine-id'): string {
  const own = readFileIfThere(file)?.trim() || ensureId(join(dir, 'machine-id'));
  return createHash('sha256').update(`lm${own}`).digest('hex').slice(0, 32);
}

/** This agent's random id, made on first use: on cloned images all else may be equal. */
export const agentId = (dir: string): string => ensureId(join(dir, 'agent-id'));

/** Throws `local` for a file that was emptied: a new id would be a new source to everybody who knows this one. */
function ensureId(path: string): string {
  if (readFileIfThere(path) === undefined) createFileAtomically(path, `${randomUUID()}\n`); // of two processes at once, both use the id of the first
  const id = readFileIfThere(path)?.trim();
  if (id) return id;
  throw new LmError('damaged-record', `${printable(path)} holds no id`, {
    hint: 'restore it; or remove it, and the next copy from here takes --new-source',
  });
}
