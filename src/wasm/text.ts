// Bytes as text (tools/text.mjs): a character for each of the most frequent bytes, two for any other. Compressed as it is served, that is
// no larger than the bytes compressed, and smaller than hexadecimal or base64; all characters are plain ASCII.

/** The first character that stands for a byte; the two before it say that the next one is of the second or third set. */
const FIRST = 35;
const SPACE = 32;

/** Characters that are left out: what HTML and JavaScript would read otherwise. */
const LEFT_OUT = "<\\";

/** Room for the characters of a set: plain ASCII. */
const SET = 128;

/** What the characters of the three sets stand for. */
function tableOf(frequent: readonly number[]): Uint8Array {
  const others = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => !frequent.includes(byte));
  const table = new Uint8Array(3 * SET);
  let character = FIRST;
  [...frequent, ...others].forEach((byte, i) => {
    if (i % frequent.length === 0) character = FIRST;
    while (LEFT_OUT.includes(String.fromCharCode(character))) character++;
    table[Math.floor(i / frequent.length) * SET + character++] = byte;
  });
  return table;
}

/** The bytes of a text, of which `frequent` have a character each. The loop is short, for it runs before engines make it fast. */
export function fromText(text: string, frequent: readonly number[]): Uint8Array<ArrayBuffer> {
  const table = tableOf(frequent);
  const bytes = new Uint8Array(text.length);
  let count = 0;
  let set = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < FIRST) {
      set = (code - SPACE + 1) * SET;
    } else {
      bytes[count++] = table[set + code] as number;
      set = 0;
    }
  }
  return bytes.slice(0, count);
}
