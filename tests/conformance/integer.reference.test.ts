// Proves the oracle of the operators that accumulate (tests/reference/integer.ts) against the data.
import { wrap32 } from "../reference/gemm.ts";
import { accumulated, multiplied } from "../reference/integer.ts";
import type { IntegerImplementation } from "./integer.cases.ts";
import { testOnnxIntegers } from "./integer-onnx.cases.ts";
import { testTfliteIntegers } from "./integer-tflite.cases.ts";

const oracle: IntegerImplementation = {
  accumulate: (each) => Array.from(accumulated(each).sums, wrap32),
  multiply: (each) => multiplied(each),
};

testOnnxIntegers("the oracle", oracle);
testTfliteIntegers("the oracle", oracle);
