// Calibration: ranges by every method, in any split, streamed; what is refused, and how it is stopped.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  calibrate,
  correctBias,
  type Model,
  Observer,
  observeModel,
  type Progress,
  quantizeModel,
  run,
  type Scheme,
  simulate,
} from "../../src/index.ts";
import { makeNode } from "../../src/model/graph.ts";
import { modelOf } from "../model/models.ts";
import { compare, seeded } from "../passes/same.ts";

const SHAPE = [2, 3, 6, 6];

function network(): Model {
  const nodes = [
    makeNode("Conv", ["x", "w", "b"], ["c"], { pads: [1n, 1n, 1n, 1n] }),
    makeNode("Relu", ["c"], ["r"]),
    makeNode("GlobalAveragePool", ["r"], ["p"]),
    makeNode("Flatten", ["p"], ["f"]),
    makeNode("Gemm", ["f", "v", "d"], ["g"], { transB: 1n }),
    makeNode("Softmax", ["g"], ["y"]),
  ];
  const constants = new Map([
    ["w", seeded([8, 3, 3, 3], 1)],
    ["b", seeded([8], 2)],
    ["v", seeded([4, 8], 3)],
    ["d", seeded([4], 4)],
  ]);
  return modelOf(nodes, { inputs: [{ name: "x", format: "float32", shape: ["N", 3, 6, 6] }], constants });
}

const SAMPLES = Array.from({ length: 6 }, (_, i) => ({ x: seeded(SHAPE, 10 + i) }));

/** Scales by the names of what they are of. */
function scales({ graph }: Model): Record<string, number> {
  const quantizers = graph.nodes.filter(({ op, inputs }) => op === "Quantizer" && inputs[1]?.endsWith("_scale"));
  return Object.fromEntries(
    quantizers.map(({ outputs, inputs }) => {
      const constant = graph.constants.get(inputs[1] as string);
      return [outputs[0], constant && "data" in constant ? Number(constant.data[0]) : 0];
    }),
  );
}

test("min-max ranges are those of the float model's values", async () => {
  const found = scales(await calibrate(simulate(network()), SAMPLES, { range: "minmax" }));
  const most: Record<string, number> = { r: 0, p: 0 };
  for (const feeds of SAMPLES) {
    run(network(), feeds, {
      observe(name, { data }) {
        if (name in most) for (const value of data as Float32Array) most[name] = Math.max(most[name] as number, value);
      },
    });
  }
  for (const [name, value] of Object.entries(most)) assert.equal(found[name], Math.fround(value / 255));
});

test("each method's calibrated model is near the float model; weights alone may be rounded", async () => {
  const simulated = simulate(network());
  assert.equal(simulate(network(), { activations: "float32" }).graph.nodes.length, network().graph.nodes.length + 2);
  for (const range of ["auto", "minmax", "mse", "percentile", { percentile: 99.9 }] as const) {
    const { apart } = compare(network(), await calibrate(simulated, SAMPLES, { range }), SAMPLES[0] as never);
    assert.ok(apart > 0 && apart < 0.1, `${JSON.stringify(range)}: ${apart}`);
  }
});

test("observers of parts, as JSON too, merge into those of the whole; streams are samples as arrays are", async () => {
  const simulated = simulate(network());
  async function* stream() {
    yield* SAMPLES;
  }
  const whole = await observeModel(simulated, stream());
  const [first, second] = [
    await observeModel(simulated, SAMPLES.slice(0, 2)),
    await observeModel(simulated, SAMPLES.slice(2)),
  ];
  for (const [name, observer] of first) observer.merge(Observer.from(JSON.parse(JSON.stringify(second.get(name)))));
  const calibrated = await Promise.all([whole, first].map((each) => calibrate(simulated, each, { range: "mse" })));
  assert.deepEqual(scales(calibrated[0] as Model), scales(calibrated[1] as Model));
  assert.deepEqual(scales(await calibrate(simulated, SAMPLES, { range: "mse" })), scales(calibrated[0] as Model));
  await assert.rejects(calibrate(simulated, whole), /"range" expected a method other than "auto"/);
});

test("the same samples give the same model", async () => {
  const models = await Promise.all([0, 1].map(() => quantizeModel(network(), { calibration: SAMPLES })));
  assert.deepEqual(models[0], models[1]);
});

test("a scheme's ranges are kept until calibration; nodes may have their own", async () => {
  const nodes = { Gemm: { activations: "int16" }, c: { activations: { format: "uint8", range: [0, 2.55] } } } as const;
  const scheme: Scheme = { activations: { format: "int8", range: "minmax" }, nodes };
  const { graph } = await calibrate(simulate(network(), scheme), SAMPLES);
  const text = (name: string, key: string) => {
    const attribute = graph.nodes.find(({ outputs }) => outputs[0] === name)?.attributes.get(key);
    return attribute?.kind === "string" ? attribute.value : undefined;
  };
  assert.deepEqual(
    ["r", "p", "g"].map((name) => text(name, "format")),
    ["uint8", "int8", "int16"],
  );
  assert.equal(scales({ graph } as Model).r, Math.fround(Math.fround(2.55) / 255));
});

test("biases are rounded to the grid of the sums where a scheme says so", async () => {
  const found = await calibrate(
    simulate(network(), { bias: true, activations: { format: "uint8", range: "minmax" } }),
    SAMPLES,
  );
  const { x_quantized: x = 0, w_quantized: w = 0, b_quantized: b } = scales(found);
  assert.equal(b, Math.fround(x * w));
  const corrected = await correctBias(found, SAMPLES);
  assert.notDeepEqual(corrected.graph.constants, found.graph.constants);
});

test("formats that no file can hold are simulated as well", async () => {
  const weights = { format: "float6_e2m3fn" } as const;
  const simulated = simulate(network(), { weights, activations: { format: "float8_e3m4", range: "minmax" } });
  const { apart } = compare(
    network(),
    await correctBias(await calibrate(simulated, SAMPLES), SAMPLES),
    SAMPLES[0] as never,
  );
  assert.ok(apart > 0 && apart < 0.1, `${apart}`);
});

test("a correction takes off what rounding weights adds on average", async () => {
  const scheme: Scheme = { weights: { format: "int8", bits: 3 }, activations: "float32" };
  const simulated = simulate(network(), scheme);
  const mean = (model: Model) => {
    const outputs = SAMPLES.flatMap((feeds) =>
      Array.from(run({ ...model, graph: { ...model.graph, outputs: [{ name: "g" }] } }, feeds).g?.data as Float32Array),
    );
    return [0, 1, 2, 3].map(
      (place) => outputs.filter((_, i) => i % 4 === place).reduce((a, b) => a + b, 0) / (outputs.length / 4),
    );
  };
  const off = (model: Model) => {
    const wanted = mean(network());
    return Math.max(...mean(model).map((value, i) => Math.abs(value - (wanted[i] as number))));
  };
  const [before, after] = [off(simulated), off(await correctBias(simulated, SAMPLES))];
  assert.ok(after < before / 2, `${before} -> ${after}`);
});

test("what is wrong with samples is told, with their number", async () => {
  const simulated = simulate(network());
  const [good] = SAMPLES;
  const holed = { ...seeded(SHAPE, 1), data: Float32Array.of(...seeded(SHAPE, 1).data.slice(1), Number.NaN) };
  await assert.rejects(calibrate(simulated, []), {
    name: "RangeError",
    message: /"samples" expected at least one sample/,
  });
  await assert.rejects(calibrate(simulated, 5 as never), { name: "TypeError", message: /"samples" expected an array/ });
  await assert.rejects(
    calibrate(simulated, [good, { x: seeded([2, 4, 6, 6], 1) }] as never),
    /sample 1: "x.shape" expected/,
  );
  await assert.rejects(calibrate(simulated, [good, good, { x: holed }] as never), /sample 2: "x" holds NaN/);
  await assert.rejects(quantizeModel(network()), /"calibration" expected samples/);
});

test("progress is told, and a signal ends the work", async () => {
  const seen: Progress[] = [];
  await quantizeModel(network(), { calibration: SAMPLES, onProgress: (progress) => seen.push(progress) });
  const last = (stage: string) => seen.filter((each) => each.stage === stage).at(-1);
  for (const stage of ["observe", "search", "correct"]) assert.equal(last(stage)?.done, last(stage)?.total, stage);
  for (const stage of ["observe", "search", "correct"]) {
    const control = new AbortController();
    const onProgress = (progress: Progress) => progress.stage === stage && control.abort();
    const job = quantizeModel(network(), { calibration: SAMPLES, signal: control.signal, onProgress });
    await assert.rejects(job, { name: "AbortError" }, stage);
  }
});

test("schemes that are none and models that cannot be quantized are refused", async () => {
  const model = network();
  const quantized = await quantizeModel(model, { calibration: SAMPLES });
  assert.throws(() => simulate(quantized), { name: "ModelError", message: /quantized already/ });
  assert.throws(() => simulate(simulate(model)), /quantized already/);
  assert.throws(() => simulate(model, { weight: "int8" } as never), /unknown option "weight"/);
  assert.throws(() => simulate(model, { weights: "int9" as never }), /"weights.format" expected one of/);
  assert.throws(
    () => simulate(model, { activations: { format: "uint8", perChannel: true } as never }),
    /unknown option "perChannel"/,
  );
  assert.throws(() => simulate(model, { nodes: { conv7: { skip: true } } }), /"nodes" expected names/);
  assert.throws(() => simulate(model, { weights: "mxfp8_e4m3" }), /"weights.format" expected a format with a scale/);
  const holed = new Map(model.graph.constants).set("w", {
    ...seeded([8, 3, 3, 3], 1),
    data: new Float32Array(216).fill(Number.NaN),
  });
  assert.throws(
    () => simulate({ ...model, graph: { ...model.graph, constants: holed } }),
    /constant "w" expected numbers, got NaN/,
  );
});
