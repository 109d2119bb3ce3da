export function pack(bytes: Uint8Array): number[];
export function textOf(digits: readonly number[]): string;
