// A float model of convolutions in the two forms that quantized models have, with seeded weights' own scales and activations'
// ranges from one sample: uint8 activations per tensor, int8 weights per output.

const MICROSOFT = "com.microsoft";
const ACTIVATIONS = ["Relu", "Clip"];

function attributesOf(attributes, names) {
  return new Map([...attributes].filter(([name]) => names.includes(name)));
}

/** The least and the largest of every value that a run computes. */
function rangesOf({ run }, model, feeds) {
  const ranges = new Map();
  run(model, feeds, {
    observe: (name, { data }) => {
      let [lo, hi] = [0, 0];
      for (const value of data) [lo, hi] = [Math.min(lo, value), Math.max(hi, value)];
      ranges.set(name, [lo, hi]);
    },
  });
  return ranges;
}

/** Nodes and constants of a quantized model as they are added. */
class Writer {
  nodes = [];
  constants = new Map();
  scales = new Map();

  constructor(ranges, constants) {
    this.ranges = ranges;
    this.floats = constants;
  }

  constant(name, format, shape, data) {
    this.constants.set(name, { format, shape, data });
    return name;
  }

  node(op, domain, inputs, output, attributes = new Map()) {
    this.nodes.push({ name: output, op, domain, inputs, outputs: [output], attributes });
    return output;
  }

  /** Names of a value's scale and zero. */
  parameters(name) {
    const [lo, hi] = this.ranges.get(name);
    const scale = Math.fround((hi - lo) / 255) || 1;
    this.scales.set(name, scale);
    const zero = Math.round(-lo / scale);
    const of = [`${name}.scale`, `${name}.zero`];
    this.constant(of[0], "float32", [], Float32Array.of(scale));
    this.constant(of[1], "uint8", [], Uint8Array.of(zero));
    return of;
  }

  /** Names of a weight's codes, scales and zeros, one an output, and of its bias' codes and scales. */
  weight(name, bias, x) {
    const { shape, data } = this.floats.get(name);
    const [outputs] = shape;
    const length = data.length / outputs;
    const scale = new Float32Array(outputs);
    const codes = new Int8Array(data.length);
    for (let i = 0; i < outputs; i++) {
      const row = data.subarray(i * length, (i + 1) * length);
      scale[i] = row.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127 || 1;
      row.forEach((value, j) => {
        codes[i * length + j] = Math.round(value / scale[i]);
      });
    }
    const steps = scale.map((each) => each * this.scales.get(x));
    const sums = Int32Array.from(steps, (step, i) => Math.round((this.floats.get(bias)?.data[i] ?? 0) / step));
    return {
      w: [
        this.constant(`${name}.codes`, "int8", shape, codes),
        this.constant(`${name}.scale`, "float32", [outputs], scale),
        this.constant(`${name}.zero`, "int8", [outputs], new Int8Array(outputs)),
      ],
      bias: [
        this.constant(`${name}.bias`, "int32", [outputs], sums),
        this.constant(`${name}.step`, "float32", [outputs], steps),
        this.constant(`${name}.none`, "int32", [outputs], new Int32Array(outputs)),
      ],
    };
  }
}

const axis0 = new Map([["axis", { kind: "int", value: 0n }]]);

/** Float nodes between dequantized values, each quantized behind. */
class Qdq extends Writer {
  quantize(from, name) {
    const parameters = this.parameters(name);
    const codes = this.node("QuantizeLinear", "", [from, ...parameters], `${name}.codes`);
    return this.node("DequantizeLinear", "", [codes, ...parameters], `${name}.dq`);
  }

  linear(node, activation, name) {
    const [x, weight, bias] = node.inputs;
    const { w, bias: b } = this.weight(weight, bias, x);
    const inputs = [w, b].map((each) => this.node("DequantizeLinear", "", each, `${each[0]}.dq`, axis0));
    const y = `${name}.float`;
    this.node(node.op, "", [`${x}.dq`, ...inputs], activation ? `${y}.in` : y, node.attributes);
    if (activation) {
      for (const each of activation.inputs.slice(1)) this.constants.set(each, this.floats.get(each));
      this.node(activation.op, "", [`${y}.in`, ...activation.inputs.slice(1)], y, activation.attributes);
    }
    this.quantize(y, name);
  }

  other({ op, inputs, attributes }, name) {
    const y = this.node(
      op,
      "",
      inputs.map((each) => `${each}.dq`),
      `${name}.float`,
      attributes,
    );
    this.quantize(y, name);
  }
}

/** onnxruntime's operators of codes. */
class QOperator extends Writer {
  operand = (name) => [`${name}.codes`, `${name}.scale`, `${name}.zero`];

  quantize(from, name) {
    this.node("QuantizeLinear", "", [from, ...this.parameters(name)], `${name}.codes`);
  }

  linear(node, _, name) {
    const [x, weight, bias] = node.inputs;
    const { w, bias: b } = this.weight(weight, bias, x);
    const result = this.parameters(name);
    const [operand, codes] = [this.operand(x), `${name}.codes`];
    if (node.op === "Conv") {
      this.node("QLinearConv", "", [...operand, ...w, ...result, b[0]], codes, node.attributes);
    } else {
      const attributes = attributesOf(node.attributes, ["transB"]);
      this.node("QGemm", MICROSOFT, [...operand, ...w, b[0], ...result], codes, attributes);
    }
  }

  other({ op, inputs, attributes }, name) {
    const operands = inputs.map(this.operand);
    if (op === "Add" || op === "GlobalAveragePool") {
      const result = this.parameters(name);
      this.node(`QLinear${op}`, MICROSOFT, [...operands.flat(), ...result], `${name}.codes`);
      return;
    }
    this.ranges.set(name, this.ranges.get(inputs[0]));
    this.parameters(name);
    this.node(op, "", [operands[0][0]], `${name}.codes`, attributes);
  }
}

/**
 * The quantized forms of a float model: Conv and Gemm (a Relu or Clip that follows is fused), Add, GlobalAveragePool, and
 * operators that keep their input's parameters.
 */
export function quantizedForms(octavo, model, feeds) {
  const { graph } = model;
  const ranges = rangesOf(octavo, model, feeds);
  const [input, output] = [graph.inputs[0], graph.outputs[0]];
  const forms = { qdq: Qdq, qoperator: QOperator };
  return Object.fromEntries(
    Object.entries(forms).map(([form, kind]) => [form, formOf(new kind(ranges, graph.constants))]),
  );

  function formOf(writer) {
    writer.quantize(input.name, input.name);
    const done = new Set();
    for (const node of graph.nodes) {
      if (done.has(node)) continue;
      const [name] = node.outputs;
      const takers = graph.nodes.filter(({ inputs }) => inputs.includes(name));
      const isLinear = node.op === "Conv" || node.op === "Gemm";
      const activation = isLinear && takers.length === 1 && ACTIVATIONS.includes(takers[0].op) ? takers[0] : undefined;
      if (activation) done.add(activation);
      if (isLinear) writer.linear(node, activation, activation?.outputs[0] ?? name);
      else writer.other(node, name);
    }
    writer.node("DequantizeLinear", "", [`${output.name}.codes`, `${output.name}.scale`, `${output.name}.zero`], "y");
    const { nodes } = writer;
    const taken = new Set(nodes.flatMap(({ inputs }) => inputs));
    const constants = new Map([...writer.constants].filter(([name]) => taken.has(name)));
    const opsets = new Map([...model.opsets, [MICROSOFT, 1]]);
    return { ...model, opsets, graph: { ...graph, nodes, constants, outputs: [{ ...output, name: "y" }] } };
  }
}
