// YAML text → a document whose keys know their lines. The only importer of yaml; judges no setting.

import { readFileSync } from 'node:fs';
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { errnoOf, LmError, printable } from '../errors.js';

export interface YamlFile {
  path: string;
  value: unknown;
  /** `/etc/lm/lm.yaml:3`, where the key or item at the end of `keys` stands; the nearest one above it if it is not there. */
  placeOf(keys: readonly PropertyKey[]): string;
}

/** Undefined when there is no such file. Throws `usage` when it cannot be read, or is not YAML. */
export function readYaml(path: string): YamlFile | undefined {
  const text = readText(path);
  if (text === undefined) return undefined;
  const lines = new LineCounter();
  const { document, value } = understood(path, () => {
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
    return { document, value: document.errors.length > 0 ? undefined : document.toJS() };
  });
  const place = (offset: number): string => `${path}:${lines.linePos(offset).line}`;
  const [error] = document.errors;
  if (error)
    throw new LmError('usage', `${printable(place(error.pos[0]))}: not valid YAML: ${lowerFirst(error.message)}`);
  return {
    path,
    value,
    placeOf: (keys) => place(offsetOf(document.contents, keys)),
  };
}

/** What is nested too deep, or made of aliases of aliases, is thrown by the parser instead of being told as an error. */
function understood<T>(path: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw new LmError('usage', `${printable(path)}: not usable YAML: ${lowerFirst((cause as Error).message)}`, {
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

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new LmError('usage', `cannot read ${printable(path)}: ${code}`, { cause: error });
  }
}

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);
