// Bytes as text: src/wasm/text.ts makes bytes of it again, and says how.

/** # to ~ but < and \. */
const ALPHABET = Array.from({ length: 92 }, (_, i) => String.fromCharCode(35 + i)).filter((c) => !"<\\".includes(c));

/** As many of the most frequent bytes as have a character of their own. */
export function frequentOf(bytes) {
  const counts = new Array(256).fill(0);
  for (const byte of bytes) counts[byte]++;
  const order = [...counts.keys()].sort((a, b) => counts[b] - counts[a] || a - b);
  return order.slice(0, ALPHABET.length).sort((a, b) => a - b);
}

/** Bytes as text, of which `frequent` have a character each. */
export function textOf(bytes, frequent) {
  const others = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => !frequent.includes(byte));
  const characters = [...frequent, ...others].map((byte, i) => {
    const set = Math.floor(i / ALPHABET.length);
    return [byte, ["", " ", "!"][set] + ALPHABET[i % ALPHABET.length]];
  });
  const table = new Map(characters);
  return Array.from(bytes, (byte) => table.get(byte)).join("");
}
