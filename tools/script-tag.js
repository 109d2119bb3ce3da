// What `import.meta.url` is in scripts that are no modules: where the tag that runs them says they are from.
export const tagUrl = globalThis.document?.currentScript?.src;
