// Makes of the chunks in dist the program as one file, dist/lm.mjs, which takes no other file and no package.

import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { transform } from 'esbuild';

/**
 * Runs the chunk that is asked for, and what it imports. Each is text until then: to parse the whole program takes longer than to start it.
 *
 * Only the text of this function is used, at the end of the file that it makes.
 */
function load(chunks, theOneFile, { createRequire, compileFunction, fileURLToPath }) {
  const node = createRequire(theOneFile.url);
  const loaded = new Map();
  const require = (name) => (name.startsWith('./') ? chunk(name.slice(2)) : node(name));
  const chunk = (name) => {
    const known = loaded.get(name);
    if (known) return known.exports;
    const module = { exports: {} };
    loaded.set(name, module);
    const names = ['exports', 'require', 'module', 'theOneFile'];
    const run = compileFunction(chunks[name](), names, { filename: `${fileURLToPath(theOneFile.url)}/${name}` });
    run(module.exports, require, module, theOneFile);
    return module.exports;
  };
  return chunk;
}

const head = `#!/usr/bin/env node
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { compileFunction } from 'node:vm';
import { isMainThread } from 'node:worker_threads';
`;

const tail = `const chunk = load(chunks, theOneFile, { createRequire, compileFunction, fileURLToPath });
if (isMainThread) process.exitCode = await chunk('main.js').main(process.argv.slice(2));
else chunk(process.argv[2]); // see threadFile of src/threads/own-files.ts
`;

/** ASCII, so that V8 keeps a byte for each character. */
const literal = (text) =>
  JSON.stringify(text).replaceAll(/[^\0-\x7f]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);

/**
 * @param {string} dist where the chunks are, and the file will be
 * @param {{ chunks: string[], banner: string, version: string, licences: string }} built `banner` begins each chunk, and is left out
 */
export async function writeOneFile(dist, { chunks, banner, version, licences }) {
  const members = [];
  for (const name of chunks) {
    const source = readFileSync(join(dist, name), 'utf8').replace(`${banner}\n`, '');
    const { code } = await transform(source, {
      format: 'cjs',
      platform: 'node',
      target: 'node20.19',
      define: { 'import.meta.url': 'theOneFile.url' },
      supported: { 'dynamic-import': false },
      minifySyntax: true,
      minifyWhitespace: true, // not identifiers: a bug is reported with its stack
      logLevel: 'warning',
    });
    members.push(`  ${literal(name)}: () => ${literal(code)},\n`);
  }
  const path = join(dist, 'lm.mjs');
  const given = `const theOneFile = { url: import.meta.url, version: ${literal(version)} };\n`;
  const notice = `/*\n${licences.replaceAll('*/', '* /')}*/\n`;
  writeFileSync(path, [head, given, `const chunks = {\n`, ...members, '};\n', `${load}\n`, tail, notice].join(''));
  chmodSync(path, 0o755);
}
