// The digests that no kernel of ours computes one file at a time: a module of its own, loaded when one of them is asked for.

export { createCRC32, createMD5, createXXHash32, type IHasher } from 'hash-wasm';
