// Bytes as text. Compressed as it is served, hexadecimal is a quarter smaller than base64: repetitions stay visible.

const DIGITS = 48;
const LETTERS = 87;

/** The value of a digit 0..9 or a..f. */
function digit(character: number): number {
  return character < LETTERS ? character - DIGITS : character - LETTERS;
}

/** The bytes of a hexadecimal text, two small letters or digits each. */
export function fromHex(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = digit(text.charCodeAt(2 * i)) * 16 + digit(text.charCodeAt(2 * i + 1));
  }
  return bytes;
}
