// Reads a YAML file, and finds the line of each key. Checks no setting.

import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { errnoOf, LmError, printable } from '../../errors.js';
import { readTrusted } from '../../trust/regular-file.js';
import type { TrustOptions } from '../../trust/trust.js';

export interface YamlFile {
  path: string;
  value: unknown;
  /** `/etc/lm/lm.yaml:3`, the line of the key or item at the end of `keys`; if that is absent, of the nearest one above it. */
  locationOf(keys: readonly PropertyKey[]): string;
}

/** Undefined when there is no such file. Throws `usage` when it cannot be read, is not YAML, or another user could have written it. */
export function readYaml(path: string, trust: TrustOptions = {}): YamlFile | undefined {
  const text = readText(path, trust);
  if (text === undefined) return undefined;
  const lines = new LineCounter();
  const { document, value } = parsed(path, () => {
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'error' });
    return { document, value: document.errors.length > 0 ? undefined : document.toJS() };
  });
  const location = (offset: number): string => `${path}:${lines.linePos(offset).line}`;
  const [error] = document.errors;
  if (error)
    throw new LmError(
      'settings-file',
      `${printable(location(error.pos[0]))}: not valid YAML: ${lowerFirst(error.message)}`,
    );
  return {
    path,
    value,
    locationOf: (keys) => location(offsetOf(document.contents, keys)),
  };
}

/** For YAML that is nested too deep, or has aliases of aliases, the parser throws instead of listing an error. */
function parsed<T>(path: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw new LmError('settings-file', `${printable(path)}: not usable YAML: ${lowerFirst((cause as Error).message)}`, {
      cause,
    });
  }
}

function offsetOf(root: Node | null, keys: readonly PropertyKey[]): number {
  let node: unknown = root;
  let offset = root?.range?.[0] ?? 0;
  for (const key of keys) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
      if (!pair) break;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(key)];
      offset = (node as Node | undefined)?.range?.[0] ?? offset;
    } else break;
  }
  return offset;
}

/** A thousand times the usual size. */
const MAX_BYTES = 4 * 2 ** 20;

function readText(path: string, trust: TrustOptions): string | undefined {
  try {
    return readTrusted(path, MAX_BYTES, trust).toString();
  } catch (error) {
    if (error instanceof LmError) throw error;
    const code = errnoOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new LmError('settings-file', `cannot read ${printable(path)}: ${code}`, { cause: error });
  }
}

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);
