import type { Delta } from "../src/wasm/delta.ts";

export function deltaOf(base: Buffer, target: Buffer): Delta;
