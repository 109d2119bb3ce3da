// Holds the product's operators that accumulate to the same cases as the oracle, with weights plain and prepared.
import { preparedProduct, product } from "./integer.product.ts";
import { testOnnxIntegers } from "./integer-onnx.cases.ts";
import { testTfliteIntegers } from "./integer-tflite.cases.ts";

testOnnxIntegers("the product", product);
testTfliteIntegers("the product", product);
testOnnxIntegers("the product, prepared,", preparedProduct);
testTfliteIntegers("the product, prepared,", preparedProduct);
