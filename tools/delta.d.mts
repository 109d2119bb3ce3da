import type { Copies } from "../src/wasm/delta.ts";

export function deltaOf(base: Buffer, target: Buffer): { own: Buffer; copies: Copies };
