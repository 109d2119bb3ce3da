// A session on two threads: whether its bytes are those of one, and whether a second thread took part.

import { randomBytes } from "./inputs.js";

const codes = (Kind, format, shape, seed) => {
  const bytes = randomBytes(
    shape.reduce((a, b) => a * b, 1),
    seed,
  );
  return { format, shape, data: new Kind(bytes.buffer) };
};

/** Sums of products: enough of them to be shared. */
function model() {
  const node = { name: "", op: "MatMulInteger", domain: "", inputs: ["x", "w"], outputs: ["y"], attributes: new Map() };
  const inputs = [{ name: "x", format: "uint8", shape: [300, 200] }];
  const constants = new Map([["w", codes(Int8Array, "int8", [200, 256], 7)]]);
  const graph = { name: "", nodes: [node], inputs, outputs: [{ name: "y" }], values: [], constants };
  return { ir: 8, opsets: new Map([["", 13]]), metadata: new Map(), graph };
}

/** How often a thread takes a piece of work while `work` runs: a thread that is alone takes none. */
function pieces(work) {
  const { add } = Atomics;
  let count = 0;
  Atomics.add = (...values) => {
    count++;
    return add.apply(Atomics, values);
  };
  try {
    work();
  } finally {
    Atomics.add = add;
  }
  return count;
}

/**
 * Runs on one thread and on two.
 * @returns whether the second one was there
 * @throws where it changes a byte, or the host never says whether it has begun
 */
export async function shares({ Session }) {
  const x = codes(Uint8Array, "uint8", [300, 200], 9);
  const alone = new Session(model());
  const expected = alone.run({ x }).y.data;
  alone.dispose();
  const session = new Session(model(), { threads: 2 });
  const check = () => {
    if (session.run({ x }).y.data.some((sum, i) => sum !== expected[i])) throw new Error("two threads differ from one");
  };
  check();
  await session.ready;
  const count = pieces(() => {
    for (let i = 0; i < 20; i++) check();
  });
  session.dispose();
  return count > 0;
}
