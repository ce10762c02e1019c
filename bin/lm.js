#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** As with too few files that may be open: what tells errors is not there to tell it. */
const unreadable = (error) => {
  if (!error.syscall) throw error;
  process.stderr.write(`lm: cannot ${error.syscall} ${error.path}: ${error.code}\n`);
  return { main: () => 8 };
};

const program = fileURLToPath(new URL('../dist/main.js', import.meta.url));
if (existsSync(program)) {
  const { main } = await import('../dist/main.js').catch(unreadable);
  process.exitCode = await main(process.argv.slice(2));
} else {
  const root = fileURLToPath(new URL('..', import.meta.url));
  process.stderr.write(`lm: not built: ${program} is missing\n`);
  process.stderr.write(`hint: cd ${root} && npm ci --include=dev && npm run build\n`);
  process.exitCode = 2;
}
