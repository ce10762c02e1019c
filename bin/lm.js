#!/usr/bin/env node
import { setFlagsFromString } from 'node:v8';
import { main } from '../dist/main.js';

// Left alone, V8 lets the heap of each thread grow to four times what lived at its last collection: here, to twice as much.
setFlagsFromString('--heap-growing-percent=100');
process.exitCode = await main(process.argv.slice(2));
