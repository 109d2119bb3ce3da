// A graph that is being written: nodes in their order, constants, names that nothing else has, codes with their scales.

import { constantError } from "../check.ts";
import { FORMATS, type Format, type FormatName } from "../formats.ts";
import { typeOfFormat } from "../model/data-types.ts";
import { type Constant, type Model, makeNode, type Node } from "../model/graph.ts";
import { OWN } from "../model/ops/quantizer.ts";
import { Writing } from "../model/writing.ts";
import { packCodes } from "../tensor/codec.ts";
import { type QuantizeOptions, quantize } from "../tensor/quantize.ts";
import { type CodeFormat, codeArray, type QTensor } from "../tensor/tensor.ts";

const FLOAT32 = BigInt(typeOfFormat("float32") as number);

/** Numbers of a format of codes as a constant. */
export function codesConstant(format: FormatName, shape: readonly number[], numbers: ArrayLike<number>): Constant {
  const row = FORMATS.get(format) as CodeFormat;
  const codes = new (codeArray(row))(numbers.length);
  codes.set(numbers);
  return { format, shape, data: row.bits < 8 ? packCodes(codes, row.bits) : codes };
}

/** The numbers of a float32 constant that is to be quantized. */
export function numbersOf(name: string, { data }: Constant): Float32Array {
  if ((data as Float32Array).some(Number.isNaN)) throw constantError(name, "numbers", Number.NaN);
  return data as Float32Array;
}

/** The codes of a float32 constant. */
export function quantizeConstant(
  name: string,
  constant: Constant,
  options: QuantizeOptions & { readonly format: FormatName },
): QTensor {
  return quantize(numbersOf(name, constant), { shape: constant.shape, ...options });
}

type Attributes = Parameters<typeof makeNode>[3];

/** What codes are, apart from themselves. */
interface Codes {
  readonly format: Format;
  readonly scale: Float32Array;
  readonly zero: Int32Array;
  readonly axis?: number | undefined;
}

/** What takes the place of a model's nodes and constants. */
export class Draft extends Writing {
  private readonly nodes: Node[] = [];
  private readonly made = new Map<string, readonly string[]>();

  /** @param free names that are to be free, of values that are left out */
  constructor(model: Model, free?: readonly string[]) {
    super(model, free);
    this.opsets.delete(OWN);
  }

  /** Leaves a constant's name to a node that gives it. */
  remove(name: string): void {
    this.constants.delete(name);
  }

  /** Adds a node as it is. */
  keep(node: Node): void {
    this.nodes.push(node);
  }

  /** Adds a node whose outputs have names like the ones that are wanted; returns them. */
  putAll(op: string, inputs: readonly string[], wanted: readonly string[], attributes?: Attributes): string[] {
    const outputs = wanted.map((name) => this.freshName(name));
    this.nodes.push(makeNode(op, inputs, outputs, attributes));
    return outputs;
  }

  /** Adds a node of one output; returns its name, which is like the one that is wanted. */
  put(op: string, inputs: readonly string[], wanted: string, attributes?: Attributes): string {
    return this.putAll(op, inputs, [wanted], attributes)[0] as string;
  }

  /** Adds what makes numbers float32; returns the name of the result. */
  toFloat(x: string, output: string): string {
    this.keep(makeNode("Cast", [x], [output], { to: FLOAT32 }));
    return output;
  }

  /** Names of what is made once for all that ask for it by the same key. */
  once<const N extends readonly string[]>(key: string, make: () => N): N {
    const names = (this.made.get(key) as N | undefined) ?? make();
    this.made.set(key, names);
    return names;
  }

  /** Adds the scales and the zeros of codes; single ones that are the same are there once. */
  parameters(base: string, { format, scale, zero, axis }: Codes): readonly [scale: string, zero: string] {
    const shape = axis === undefined ? [] : [scale.length];
    const zeros = codesConstant(format as FormatName, shape, zero);
    const make = () =>
      [this.addConstant(`${base}_scale`, scale, shape), this.add(`${base}_zero_point`, zeros)] as const;
    return axis === undefined ? this.once(`${format} ${scale[0]} ${zero[0]}`, make) : make();
  }

  /** Adds what dequantizes codes; returns the name of the result. */
  dequantize(
    inputs: readonly string[],
    base: string,
    axis?: number,
    output = this.freshName(`${base}_DequantizeLinear_Output`),
  ): string {
    const along = axis === undefined ? {} : { axis: BigInt(axis) };
    this.nodes.push(makeNode("DequantizeLinear", inputs, [output], along));
    return output;
  }

  /** Adds codes and what dequantizes them; returns the name of the result. */
  dequantized(base: string, codes: QTensor, output?: string): string {
    const { format, shape, data, axis } = codes;
    const name = this.add(`${base}_quantized`, { format: format as FormatName, shape, data });
    const [scale, zero] = this.parameters(base, codes);
    // int32 has no other zero than 0
    return this.dequantize(format === "int32" ? [name, scale] : [name, scale, zero], base, axis, output);
  }

  /** The model as it is now. */
  get model(): Model {
    return this.with(this.nodes);
  }
}
