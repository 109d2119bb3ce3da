export function frequentOf(bytes: Uint8Array): number[];
export function textOf(bytes: Uint8Array, frequent: readonly number[]): string;
