// Bytes as text (tools/text.mjs): a character for each of the most frequent bytes, two for any other. Compressed as it is served, that is
// no larger than the bytes compressed, and smaller than hexadecimal or base64; all characters are plain ASCII.

/** The first character that stands for a byte; the two before it say that the next one is of the second or third set. */
const FIRST = 35;
const SPACE = 32;

/** Characters that are left out: what HTML and JavaScript would read otherwise. */
const LESS_THAN = 60;
const BACKSLASH = 92;

/** The bytes of a text, of which `frequent` have a character each. */
export function fromText(text: string, frequent: readonly number[]): Uint8Array<ArrayBuffer> {
  const others = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => !frequent.includes(byte));
  const table = [...frequent, ...others];
  const bytes = new Uint8Array(text.length);
  let count = 0;
  let set = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < FIRST) {
      set = (code - SPACE + 1) * frequent.length;
    } else {
      bytes[count++] = table[set + code - FIRST - +(code > LESS_THAN) - +(code > BACKSLASH)] as number;
      set = 0;
    }
  }
  return bytes.slice(0, count);
}
