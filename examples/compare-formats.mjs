// Quantizes one array to every format and prints what each costs: error, bits per value, hardware.
// The array is what a layer's weights look like: bell-shaped, with a few outliers.

import { compareFormats, tier } from "octavo";

/** n seeded values: sums of twelve uniform numbers are close to normal; every 1000th is eight times larger. */
function weights(n, seed) {
  let state = seed;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  return Float32Array.from({ length: n }, (_, i) => {
    let sum = -6;
    for (let k = 0; k < 12; k++) sum += uniform();
    return sum * (i % 1000 === 0 ? 0.4 : 0.05);
  });
}

const FORMATS = [
  "float32",
  "tfloat32",
  "bfloat16",
  "float16",
  "int32",
  "int16",
  "uint16",
  "int8",
  "uint8",
  "float8_e3m4",
  "float8_e4m3fn",
  "float8_e4m3",
  "float8_e4m3fnuz",
  "float8_e4m3b11fnuz",
  "float8_e5m2",
  "float8_e5m2fnuz",
  "mxint8",
  "mxfp8_e4m3",
  "mxfp8_e5m2",
  "float6_e2m3fn",
  "float6_e3m2fn",
  "mxfp6_e2m3",
  "mxfp6_e3m2",
  "int4",
  "uint4",
  "float4_e2m1fn",
  "mxfp4",
  "nvfp4",
  "int2",
  "uint2",
];

const x = weights(2 ** 18, 1);
console.log(
  `${x.length} values quantized to ${FORMATS.length} formats (tier ${tier()}), range by least squared error\n`,
);
console.log("format                bits     SQNR dB    mean sq. error   of it clipping   clipped   relative cost");
for (const row of compareFormats(x, FORMATS, { range: "mse" })) {
  const { format, bits, sqnr, mse, clipping, clipped, relativeCost } = row;
  const cells = [bits.toFixed(2).padStart(6), sqnr.toFixed(2).padStart(10), mse.toExponential(3).padStart(15)];
  const more = [
    clipping.toExponential(3).padStart(14),
    String(clipped).padStart(7),
    relativeCost.toFixed(2).padStart(11),
  ];
  console.log(format.padEnd(20), ...cells, " ", more.join("   "));
}
