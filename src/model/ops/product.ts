// Matrix products: in float32 by the kernel of assembly/floatproduct.ts (docs/math.md, equations 54, 57 and 58), of integers exactly.

import { nodeError } from "../../check.ts";
import type { FormatName } from "../../formats.ts";
import { broadcastShape, sizeOf } from "../../tensor/shape.ts";
import { floatOf, intOf } from "../attributes.ts";
import { crossed, type FloatProduct, multiples, type Operands, packPanels, prepareProduct } from "../float-product.ts";
import { inFloat32 } from "../float-row.ts";
import { FLOATS, viewsOf } from "../integers.ts";
import { type Call, type Operator, type Place, type Site, viewOf } from "../operator.ts";
import { keepZeros } from "../record.ts";
import { checkFormats, input } from "../site.ts";
import { checkFused, keepFinish, withSweep } from "./fused.ts";

/** An axis of a tensor, and the values from one place to the next along it. */
interface Along {
  readonly extent: number;
  readonly step: number;
}

/** The matrices that a tensor is made of. */
interface Matrices {
  readonly batch: readonly Along[];
  readonly row: Along;
  readonly column: Along;
  /** What tells this way to read a tensor from others. */
  readonly form: string;
}

/** Reads a tensor as matrices. `isTurned`: rows and columns exchanged; `isLed`: the first axis goes through the rows. */
function matricesOf(shape: readonly number[], isTurned: boolean, isLed = false): Matrices {
  const axes = shape.map((extent, axis): Along => ({ extent, step: sizeOf(shape.slice(axis + 1)) }));
  if (isLed) axes.splice(-1, 0, ...axes.splice(0, 1));
  const [row, column] = axes.splice(-2) as [Along, Along];
  const form = `${isTurned} ${isLed}`;
  return isTurned ? { batch: axes, row: column, column: row, form } : { batch: axes, row, column, form };
}

/** A product of matrices: which meet, and what it gives. */
interface Pairs {
  readonly a: Matrices;
  readonly b: Matrices;
  /** Of the batches. */
  readonly shape: readonly number[];
}

function pairsOf(site: Site, a: Matrices, b: Matrices): Pairs {
  const extents = ({ batch }: Matrices) => batch.map(({ extent }) => extent);
  const shape = broadcastShape(extents(a), extents(b));
  if (!shape || a.column.extent !== b.row.extent) {
    const [x, w] = [input(site, 0), input(site, 1)];
    throw nodeError(site.node, `expected matrices that multiply, got [${x.shape}] and [${w.shape}]`);
  }
  return { a, b, shape };
}

/** Where the matrices are that an operand's batches broadcast to. */
function placesOf({ batch }: Matrices, shape: readonly number[]): number[] {
  const skipped = shape.length - batch.length;
  return crossed(
    shape.map((extent, axis) => {
      const own = batch[axis - skipped];
      return multiples(extent, own && own.extent > 1 ? own.step : 0);
    }),
  );
}

/** How many rows of a are multiplied at once: those of all batches, where they follow each other and meet one matrix. */
function rowsAtOnce({ a, b, shape }: Pairs): number {
  const [as, bs] = [placesOf(a, shape), placesOf(b, shape)];
  const isOne = bs.every((place) => place === 0) && as.every((place, i) => place === i * a.row.extent * a.row.step);
  return isOne ? as.length * a.row.extent : a.row.extent;
}

/** What a product begins with: a pointer, and the values to the next row and column. */
interface Initial {
  readonly at: () => number;
  readonly row: number;
  readonly isByColumn: boolean;
}

/** Products in float32. */
function multiplyFloats(call: Call, pairs: Pairs, factor: number, initial: Initial): () => void {
  const { store } = call;
  const { a, b, shape } = pairs;
  const [x, w] = [input(call, 0), input(call, 1)];
  const [y] = call.outputs as [Place];
  const [rows, columns] = [rowsAtOnce(pairs), b.column.extent];
  const product: FloatProduct = {
    rows,
    length: a.column.extent,
    columns,
    aRow: a.row.step,
    aStep: a.column.step,
    steps: multiples(b.row.extent, b.row.step),
    offsets: multiples(columns, b.column.step),
    factor,
    initRow: initial.row,
    initColumns: initial.isByColumn,
    yRow: columns,
    finish: keepFinish(call),
  };
  const count = rows === a.row.extent ? sizeOf(shape) : 1;
  const isPacked = w.value !== undefined && sizeOf(b.batch.map(({ extent }) => extent)) === 1;
  const multiply = prepareProduct(store, product, isPacked);
  const panels = isPacked ? packPanels(store, product, w.value, b.form) : 0;
  const [as, bs] = [placesOf(a, shape), placesOf(b, shape)];
  return withSweep(call, y, () => {
    const init = initial.at();
    const operands = multiples(count, 1).map((i): Operands => {
      const from = isPacked ? panels : w.at + (bs[i] as number) * 4;
      return [x.at + (as[i] as number) * 4, from, init, 0, y.at + i * rows * columns * 4];
    });
    multiply(operands);
  });
}

/** Integers that a product of 64 bits, or of 32, wraps to. */
type Integers = BigInt64Array | BigUint64Array | Int32Array | Uint32Array;

/** Products of integers, which wrap. */
function multiplyIntegers(call: Call, { a, b, shape }: Pairs): () => void {
  const [x, w] = [input(call, 0), input(call, 1)];
  const [y] = call.outputs as [Place];
  const [as, bs] = [placesOf(a, shape), placesOf(b, shape)];
  const length = a.column.extent;
  return () => {
    const [from, by, to] = viewsOf(call, [x, w, y]) as unknown as [Integers, Integers, Integers];
    let at = 0;
    for (let batch = 0; batch < as.length; batch++) {
      for (let i = 0; i < a.row.extent; i++) {
        for (let j = 0; j < b.column.extent; j++) {
          const row = (as[batch] as number) + i * a.row.step;
          const column = (bs[batch] as number) + j * b.column.step;
          to[at++] = integerDot(from, row, a.column.step, by, column, b.row.step, length);
        }
      }
    }
  };
}

function integerDot(
  x: Integers,
  fromX: number,
  stepX: number,
  w: Integers,
  fromW: number,
  stepW: number,
  length: number,
): number | bigint {
  if (typeof x[0] === "bigint") {
    let sum = 0n;
    for (let k = 0; k < length; k++) sum += (x[fromX + k * stepX] as bigint) * (w[fromW + k * stepW] as bigint);
    return sum;
  }
  let sum = 0;
  for (let k = 0; k < length; k++) {
    sum = (sum + Math.imul(x[fromX + k * stepX] as number, w[fromW + k * stepW] as number)) | 0;
  }
  return sum;
}

/** What begins with 0. */
function nothing({ store }: Call): Initial {
  const at = keepZeros(store, 1);
  return { at: () => at, row: 0, isByColumn: false };
}

const INTEGERS: readonly FormatName[] = ["int32", "uint32", "int64", "uint64"];

/** The operands of a MatMul: a vector is a row before a matrix, and a column behind one. */
function matMulPairs(site: Site): Pairs {
  const [x, w] = [input(site, 0).shape, input(site, 1).shape];
  const flag = (name: string) => intOf(site.node, name, 0) !== 0;
  if (x.length === 0 || w.length === 0) throw nodeError(site.node, `expected matrices or vectors, got a scalar`);
  const a = x.length === 1 ? matricesOf([1, ...x], false) : matricesOf(x, flag("transA"), flag("transBatchA"));
  const b = w.length === 1 ? matricesOf([...w, 1], false) : matricesOf(w, flag("transB"), flag("transBatchB"));
  return pairsOf(site, a, b);
}

const matMul = inFloat32({
  infer(site) {
    for (const i of [0, 1]) checkFormats(site, i, [...FLOATS, ...INTEGERS]);
    const [x, w] = [input(site, 0), input(site, 1)];
    checkFormats(site, 1, [x.format]);
    checkFused(site);
    const { a, b, shape } = matMulPairs(site);
    const row = x.shape.length === 1 ? [] : [a.row.extent];
    const column = w.shape.length === 1 ? [] : [b.column.extent];
    return [{ format: x.format, shape: [...shape, ...row, ...column] }];
  },
  compile(call) {
    const pairs = matMulPairs(call);
    if (INTEGERS.includes(input(call, 0).format)) return multiplyIntegers(call, pairs);
    return multiplyFloats(call, pairs, floatOf(call.node, "alpha", 1), nothing(call));
  },
});

/** The operands of a Gemm. */
function gemmPairs(site: Site): Pairs {
  const { node } = site;
  const [x, w, c] = [input(site, 0), input(site, 1), site.inputs[2]];
  if (x.shape.length !== 2 || w.shape.length !== 2) {
    throw nodeError(node, `expected two matrices, got [${x.shape}] and [${w.shape}]`);
  }
  const flag = (name: string) => intOf(node, name, 0) !== 0;
  const pairs = pairsOf(site, matricesOf(x.shape, flag("transA")), matricesOf(w.shape, flag("transB")));
  const shape = [pairs.a.row.extent, pairs.b.column.extent];
  if (c && broadcastShape(c.shape, shape)?.join() !== shape.join()) {
    throw nodeError(node, `input 2 expected a shape that broadcasts to [${shape}], got [${c.shape}]`);
  }
  return pairs;
}

/** What a Gemm begins with: beta c. */
function initialOf(call: Call, columns: number): Initial {
  const { store } = call;
  const c = call.inputs[2];
  if (!c) return nothing(call);
  const beta = Math.fround(floatOf(call.node, "beta", 1));
  const own = c.shape.at(-1) ?? 1;
  const shape = { row: (c.shape.at(-2) ?? 1) === 1 ? 0 : own, isByColumn: own > 1 && columns > 1 };
  if (beta === 1) return { at: () => c.at, ...shape };
  const scaled = (values: ArrayLike<number>) => Float32Array.from(values, (value) => beta * value);
  return { at: () => store.engine.arena.copy(scaled(viewOf(call, c) as Float32Array)), ...shape };
}

const gemm = inFloat32({
  infer(site) {
    for (const i of [0, 1, 2]) checkFormats(site, i, i === 0 ? FLOATS : [input(site, 0).format]);
    checkFused(site);
    const { a, b } = gemmPairs(site);
    return [{ format: input(site, 0).format, shape: [a.row.extent, b.column.extent] }];
  },
  compile(call) {
    const pairs = gemmPairs(call);
    const alpha = floatOf(call.node, "alpha", 1);
    return multiplyFloats(call, pairs, alpha, initialOf(call, pairs.b.column.extent));
  },
});

export const PRODUCTS: Readonly<Record<string, Operator>> = {
  MatMul: matMul,
  "com.microsoft:FusedMatMul": matMul,
  "com.microsoft:FusedMatMulActivation": matMul,
  Gemm: gemm,
  "com.microsoft:FusedGemm": gemm,
};
