// Exports the hash-wasm functions for digests without a kernel here. It is a module of its own so that it can be loaded on demand.

export { createCRC32, createMD5, createXXHash32, type IHasher } from 'hash-wasm';
