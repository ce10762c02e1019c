// Digests all files of one line of a listing, and makes one digest of theirs. Where both ends list a block alike, and nothing is wrong with it,
// that is all that has to be said of its files; otherwise they are digested one by one.

import { createHash } from 'node:crypto';
import { textHash } from '../digest/digest.js';
import { type Digested, type DigestThread, digestEntries, type EntriesJob } from '../digest/digest-files.js';
import { type ManifestAlgorithm, manifestLine } from '../digest/manifest-line.js';
import type { Entry, EntryKey } from '../files/entry.js';
import { stampText, statedText, stateOfBoth } from '../files/proof-text.js';
import { pathOf } from '../files/roots.js';
import { msOf } from '../files/times.js';
import { filesOfBoth, filesOfLine } from '../listing/same-block.js';

/** Whoever asks for `reportsYoung` gets no digest of a line with a young file: such a one is to be told of by name. */
export interface LineJob extends EntriesJob {
  /** As the listing of the host that reads has it. */
  line: Uint8Array;
  /** At the destination, what is wanted beside the digest. */
  kept?: KeptOfLine | undefined;
}

export interface KeptOfLine {
  /** The line of the source, which `takeIfSame` has found equal. */
  source: Uint8Array;
  /** Files whose ctime here is later are not stamped: a later change might have the same. Milliseconds since the epoch. */
  settledMs: number;
  /** Whether the digests are wanted as lines of a manifest of that algorithm. */
  manifest?: ManifestAlgorithm | undefined;
}

export interface LineAnswer {
  dir: EntryKey;
  /** SHA-256 of the digests of its regular files, in order. Absent where one has none. */
  digest?: string;
  files: number;
  /** How many were read past the page cache. */
  direct: number;
  stamps?: LineStamps;
  manifest?: string;
}

/** What a ledger keeps of files that were read at both ends, if they are equal. All are text, or a thread would copy each file. */
export interface LineStamps {
  /** Rows as `stampText` writes them, with commas between. */
  rows: string;
  /** Of all its files, as JSON. */
  names: string;
  /** XXH64 of the names and states of all its files, in hex. */
  states: string;
}

/** Throws `protocol` for what is no line of a listing, or names what lies in none of the roots. */
export async function digestLine({ line, kept, ...job }: LineJob, thread: DigestThread = {}): Promise<LineAnswer> {
  const { dir, files } = kept ? bothIn(kept.source, line) : onlyIn(line);
  const path = pathOf(job.roots, dir);
  const entries = files.map(({ local }) => local);
  const answers = await digestEntries(job, dir, entries, thread);
  const found: Digested[] = [];
  for (const answer of answers) {
    if (!('digest' in answer) || answer.young === true) return { dir, files: files.length, direct: 0 };
    found.push(answer);
  }
  const answer: LineAnswer = {
    dir,
    digest: createHash('sha256')
      .update(found.map(({ digest }) => digest).join('\n'))
      .digest('hex'),
    files: files.length,
    direct: found.filter(({ read }) => read === 'direct').length,
  };
  if (!kept) return answer;
  const stamps = stampsOf(files, found, kept.settledMs);
  if (stamps) answer.stamps = stamps;
  const { manifest } = kept;
  if (manifest)
    answer.manifest = found
      .map(({ digest }, i) => manifestLine(manifest, digest, `${path}/${files[i]!.local.name}`))
      .join('');
  return answer;
}

interface FileOfLine {
  local: Entry;
  source?: Entry;
}

const bothIn: (...lines: [source: Uint8Array, local: Uint8Array]) => { dir: EntryKey; files: FileOfLine[] } =
  filesOfBoth;

function onlyIn(line: Uint8Array): { dir: EntryKey; files: FileOfLine[] } {
  const { dir, files } = filesOfLine(line);
  return { dir, files: files.map((local) => ({ local })) };
}

/** Undefined where `stateOfBoth` is. */
function stampsOf(files: readonly FileOfLine[], found: readonly Digested[], settledMs: number): LineStamps | undefined {
  const atMs = Date.now();
  let [rows, states, comma] = ['', '', ''];
  for (const [i, { source, local }] of files.entries()) {
    const state = source && stateOfBoth(source, local);
    if (state === undefined) return undefined;
    states += statedText(local.name, state);
    if (msOf(local.ctimeNs!) > settledMs) continue;
    rows += comma + stampText(local.name, state, found[i]!.read ?? 'cached', atMs);
    comma = ',';
  }
  const names = JSON.stringify(files.map(({ local }) => local.name));
  return { rows, names, states: textHash(states) };
}
