// Two tensors or more, value by value, broadcast.

import { nodeError } from "../../check.ts";
import type { FormatName } from "../../formats.ts";
import { tensorArray } from "../../tensor/tensor.ts";
import { intOf, stringOf } from "../attributes.ts";
import { alignedShape, commonShape, forEachRow, jointRuns } from "../broadcast.ts";
import { combiner, mapFloats, type OperationName } from "../float.ts";
import { inFloat32, inFloats } from "../float-row.ts";
import {
  combineElements,
  copyElements,
  type Exact,
  elementsOf,
  exactOf,
  FLOATS,
  INTEGERS,
  viewsOf,
} from "../integers.ts";
import { type Call, type Known, lengthOf, type Operator, type Place, type Site } from "../operator.ts";
import { checkFormats, input } from "../site.ts";

/** An operation on two values: the kernel's for floats, functions for the rest. */
interface Operation {
  readonly float?: OperationName;
  readonly exact: Exact;
  /** Of float64, where integers have another. */
  readonly double?: (a: number, b: number) => number;
  readonly formats: readonly FormatName[];
  /** What the result is; default: what the operands are. */
  readonly result?: "bool";
}

const NUMBERS: readonly FormatName[] = [...FLOATS, ...INTEGERS];
const UNSIGNED = INTEGERS.filter((format) => format.startsWith("u"));
const BOOL: readonly FormatName[] = ["bool"];

/** Quotients by 0, which no integer is, are 0. */
const ARITHMETIC: Readonly<Record<string, Operation>> = {
  Add: {
    float: "OPERATION_ADD",
    exact: { number: (a, b) => a + b, bigint: (a, b) => a + b },
    formats: NUMBERS,
  },
  Sub: {
    float: "OPERATION_SUB",
    exact: { number: (a, b) => a - b, bigint: (a, b) => a - b },
    formats: NUMBERS,
  },
  Mul: {
    float: "OPERATION_MUL",
    exact: { number: Math.imul, bigint: (a, b) => a * b },
    double: (a, b) => a * b,
    formats: NUMBERS,
  },
  Div: {
    float: "OPERATION_DIV",
    exact: { number: (a, b) => (b === 0 ? 0 : Math.trunc(a / b)), bigint: (a, b) => (b === 0n ? 0n : a / b) },
    double: (a, b) => a / b,
    formats: NUMBERS,
  },
  PRelu: {
    float: "OPERATION_PRELU",
    exact: { number: (a, b) => (a < 0 ? Math.imul(a, b) : a), bigint: (a, b) => (a < 0n ? a * b : a) },
    double: (a, b) => (a < 0 ? a * b : a),
    formats: NUMBERS,
  },
  And: { exact: { number: (a, b) => a & b }, formats: BOOL },
  Or: { exact: { number: (a, b) => a | b }, formats: BOOL },
  Xor: { exact: { number: (a, b) => a ^ b }, formats: BOOL },
  BitwiseAnd: { exact: { number: (a, b) => a & b, bigint: (a, b) => a & b }, formats: INTEGERS },
  BitwiseOr: { exact: { number: (a, b) => a | b, bigint: (a, b) => a | b }, formats: INTEGERS },
  BitwiseXor: { exact: { number: (a, b) => a ^ b, bigint: (a, b) => a ^ b }, formats: INTEGERS },
};

function comparison(compare: (a: number | bigint, b: number | bigint) => boolean): Operation {
  const exact = { number: (a: number, b: number) => +compare(a, b), bigint: (a: bigint, b: bigint) => +compare(a, b) };
  return { exact: exact as unknown as Exact, formats: [...NUMBERS, "bool"], result: "bool" };
}

const COMPARISONS: Readonly<Record<string, Operation>> = {
  Equal: comparison((a, b) => a === b),
  Less: comparison((a, b) => a < b),
  LessOrEqual: comparison((a, b) => a <= b),
  Greater: comparison((a, b) => a > b),
  GreaterOrEqual: comparison((a, b) => a >= b),
};

/** Operations on one tensor or more. */
const VARIADIC: Readonly<Record<string, Operation>> = {
  Max: {
    float: "OPERATION_MAXIMUM",
    exact: { number: Math.max, bigint: (a, b) => (a > b ? a : b) },
    formats: NUMBERS,
  },
  Min: {
    float: "OPERATION_MINIMUM",
    exact: { number: Math.min, bigint: (a, b) => (a < b ? a : b) },
    formats: NUMBERS,
  },
  Sum: { float: "OPERATION_ADD", exact: { number: (a, b) => a + b }, formats: FLOATS },
  Mean: { float: "OPERATION_ADD", exact: { number: (a, b) => a + b }, formats: FLOATS },
};

/** Both shifts by 64 and more leave nothing. */
const SHIFTS = {
  LEFT: { number: (a: number, b: number) => (b > 31 ? 0 : a << b), bigint: (a: bigint, b: bigint) => a << minimum(b) },
  RIGHT: {
    number: (a: number, b: number) => (b > 31 ? 0 : a >>> b),
    bigint: (a: bigint, b: bigint) => a >> minimum(b),
  },
};

function minimum(bits: bigint): bigint {
  return bits < 64n ? bits : 64n;
}

/** Remainders with the divisor's sign, or as C's % with the dividend's; of a division by 0 they are 0. */
const REMAINDERS: readonly [Exact, Exact] = [
  {
    number: (a, b) => a - b * Math.floor(a / b),
    bigint: (a, b) => (b === 0n ? 0n : ((a % b) + b) % b),
  },
  { number: (a, b) => a % b, bigint: (a, b) => (b === 0n ? 0n : a % b) },
];

/** Formats of the operands: one of some, the same for all. */
function checkSame(site: Site, formats: readonly FormatName[]): void {
  site.inputs.forEach((_, i) => {
    checkFormats(site, i, i === 0 ? formats : [input(site, 0).format]);
  });
}

function inferPair(site: Site, result?: FormatName): Known[] {
  const { format, shape } = input(site, 0);
  return [
    { format: result ?? format, shape: commonShape(site, [shape, alignedShape(site, shape, input(site, 1).shape)]) },
  ];
}

/** The kernel's loop, or the exact one. */
function compilePair(call: Call, { float, exact, double }: Operation): () => void {
  const [a, b, y] = [input(call, 0), input(call, 1), call.outputs[0] as Place];
  const shape = alignedShape(call, a.shape, b.shape);
  if (float && a.format === "float32") {
    const combine = combiner(call.store, float, a.shape, shape, y.shape);
    return () => combine(a.at, b.at, y.at);
  }
  const runs = jointRuns([a.shape, shape], y.shape);
  const f = (a.format === "float64" && double) || exactOf(exact, a.format);
  return () => {
    const [to, p, q] = viewsOf(call, [y, a, b]);
    combineElements(to, p, q, runs, f);
  };
}

/** A row of an operation that may depend on the node. */
function pairing(operationOf: (site: Site) => Operation): Operator {
  const row: Operator = {
    infer(site) {
      const { formats, result } = operationOf(site);
      checkSame(site, formats);
      return inferPair(site, result);
    },
    compile: (call) => compilePair(call, operationOf(call)),
  };
  return inFloats(row);
}

function shifting(site: Site): Operation {
  const direction = stringOf(site.node, "direction", "LEFT", ["LEFT", "RIGHT"]);
  return { exact: SHIFTS[direction], formats: UNSIGNED };
}

function remaining(site: Site): Operation {
  const isC = intOf(site.node, "fmod", 0) !== 0;
  if (!isC && FLOATS.includes(input(site, 0).format)) throw nodeError(site.node, `"fmod" expected 1 for floats, got 0`);
  return { float: "OPERATION_FMOD", exact: REMAINDERS[isC ? 1 : 0], formats: NUMBERS };
}

/** y = x0 op x1 op x2 ...; of a mean divided by how many there are. */
function folding(name: string, operation: Operation): Operator {
  return inFloats({
    infer(site) {
      checkSame(site, operation.formats);
      const { format } = input(site, 0);
      return [
        {
          format,
          shape: commonShape(
            site,
            site.inputs.map((_, i) => input(site, i).shape),
          ),
        },
      ];
    },
    compile(call) {
      const places = call.inputs.map((_, i) => input(call, i));
      const y = call.outputs[0] as Place;
      const steps = places.slice(1).map((place, i) => {
        const pair = { ...call, inputs: [i === 0 ? (places[0] as Place) : y, place] };
        return compilePair(pair, operation);
      });
      return () => {
        if (steps.length === 0) copyElements(call, input(call, 0), y);
        for (const step of steps) step();
        if (name === "Mean") divide(call, y, places.length);
      };
    },
  });
}

function divide(call: Call, y: Place, by: number): void {
  const n = lengthOf(y);
  if (y.format === "float32") {
    const count = call.store.engine.arena.copy(Float32Array.of(by));
    combiner(call.store, "OPERATION_DIV", [n], [], [n])(y.at, count, y.at);
  } else {
    const [values] = viewsOf(call, [y]);
    for (let i = 0; i < n; i++) values[i] = (values[i] as number) / by;
  }
}

/** a^b of integers, by squaring, modulo 2^64. */
function wholePower(base: bigint, exponent: bigint): bigint {
  if (exponent < 0n) return base === 1n ? 1n : base === -1n ? (exponent % 2n === 0n ? 1n : -1n) : 0n;
  let power = 1n;
  for (let square = base, rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) power = BigInt.asIntN(64, power * square);
    square = BigInt.asIntN(64, square * square);
  }
  return power;
}

/** Values of any format as float32: where they are, or copies. */
function asFloats(call: Call, place: Place): number {
  if (place.format === "float32") return place.at;
  const at = call.store.engine.arena.reserve(lengthOf(place) * 4);
  const [from, to] = viewsOf(call, [place, { format: "float32", shape: place.shape, at }]);
  for (let i = 0; i < to.length; i++) to[i] = Number(from[i]);
  return at;
}

/** Integers to a whole power are exact; any other power is float32's. */
function compilePow(call: Call): () => void {
  const [a, b, y] = [input(call, 0), input(call, 1), call.outputs[0] as Place];
  const [shape, n] = [alignedShape(call, a.shape, b.shape), lengthOf(y)];
  const runs = jointRuns([a.shape, shape], y.shape);
  if (INTEGERS.includes(a.format) && INTEGERS.includes(b.format)) {
    const isWide = a.format.endsWith("64");
    const power = (p: number, q: number) => {
      const whole = wholePower(BigInt(p), BigInt(q));
      return (isWide ? whole : Number(BigInt.asIntN(32, whole))) as number;
    };
    return () => {
      const [to, p, q] = viewsOf(call, [y, a, b]);
      combineElements(to, p, q, runs, power);
    };
  }
  const constant = lengthOf(b) === 1 && b.value ? Number(elementsOf(b.value.data)[0]) : undefined;
  if (constant === 2 && a.format === "float32" && n === lengthOf(a)) {
    return () => mapFloats(call.store, "FUNCTION_SQUARE", a.at, y.at, n);
  }
  const combine = combiner(call.store, "OPERATION_POW", a.shape, shape, y.shape);
  return () => {
    const to = y.format === "float32" ? y.at : call.store.engine.arena.reserve(n * 4);
    combine(asFloats(call, a), asFloats(call, b), to);
    if (to === y.at) return;
    const [values, powers] = viewsOf(call, [y, { ...y, format: "float32", at: to }]);
    for (let i = 0; i < n; i++) values[i] = (y.format.endsWith("64") ? BigInt(whole(powers[i])) : powers[i]) as number;
  };
}

/** A number without its fraction; 0 of what is no number. */
function whole(value: number | undefined): number {
  return Number.isFinite(value) ? Math.trunc(value as number) : 0;
}

const POW: Operator = inFloat32({
  infer(site) {
    for (const i of [0, 1]) checkFormats(site, i, NUMBERS);
    return inferPair(site);
  },
  compile: compilePow,
});

/** Bits are moved as they are: formats of the same width are alike. */
const WIDTHS: Readonly<Record<number, FormatName>> = { 1: "uint8", 2: "uint16", 4: "uint32", 8: "uint64" };

/** Chooses between a and b by a condition, all broadcast. */
export function choose(call: Call, condition: Place, a: Place, b: Place, y: Place): void {
  const runs = jointRuns([condition.shape, a.shape, b.shape], y.shape);
  const bits = (place: Place) => ({ shape: place.shape, at: place.at, format: WIDTHS[bytes] as FormatName });
  const bytes = tensorArray(a.format).BYTES_PER_ELEMENT;
  const [chosen, then, other, to] = viewsOf(call, [condition, bits(a), bits(b), bits(y)]);
  let i = 0;
  forEachRow(runs, ([c = 0, p = 0, q = 0], { extent, strides: [r = 0, s = 0, t = 0] }) => {
    for (let k = 0; k < extent; k++) {
      to[i++] = (chosen[c + k * r] ? then[p + k * s] : other[q + k * t]) as number;
    }
  });
}

const WHERE: Operator = {
  infer(site) {
    checkFormats(site, 0, BOOL);
    const { format } = input(site, 1);
    checkFormats(site, 1, [...NUMBERS, "bool"]);
    checkFormats(site, 2, [format]);
    return [
      {
        format,
        shape: commonShape(
          site,
          [0, 1, 2].map((i) => input(site, i).shape),
        ),
      },
    ];
  },
  compile(call) {
    const [condition, a, b] = [input(call, 0), input(call, 1), input(call, 2)];
    const y = call.outputs[0] as Place;
    return () => choose(call, condition, a, b, y);
  },
};

const rows = (operations: Readonly<Record<string, Operation>>) =>
  Object.fromEntries(Object.entries(operations).map(([name, each]) => [name, pairing(() => each)]));

export const ELEMENTWISE: Readonly<Record<string, Operator>> = {
  ...rows(ARITHMETIC),
  ...rows(COMPARISONS),
  ...Object.fromEntries(Object.entries(VARIADIC).map(([name, each]) => [name, folding(name, each)])),
  BitShift: pairing(shifting),
  Mod: pairing(remaining),
  Pow: POW,
  Where: WHERE,
};
