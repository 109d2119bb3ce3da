// Numbers that the kernels and the TypeScript side must agree on. Exported as wasm globals; read there, never retyped.

/** Rounding of a float encoder: to nearest, ties to even. */
export const ROUND_EVEN: i32 = 0;
/** To nearest, ties away from zero. */
export const ROUND_AWAY: i32 = 1;
/** Toward zero. */
export const ROUND_ZERO: i32 = 2;
/** Toward +infinity. */
export const ROUND_UP: i32 = 3;
/** Toward -infinity. */
export const ROUND_DOWN: i32 = 4;
/** Up or down at random, in proportion to the distance (docs/math.md, equation 5). */
export const ROUND_STOCHASTIC: i32 = 5;

/** Where static data ends: memory from here on is the caller's to use. */
export const HEAP_BASE: usize = __heap_base;

/** Arithmetic of a requantization: a float32 product, half to even (docs/math.md, equation 19). */
export const ARITHMETIC_ONNX: i32 = 0;
/** An integer product rounded twice (equation 20). */
export const ARITHMETIC_TFLITE: i32 = 1;
/** An integer product rounded once (equation 20). */
export const ARITHMETIC_TFLITE_SINGLE: i32 = 2;
/** An integer product of a 64-bit accumulator (equation 20). */
export const ARITHMETIC_TFLITE_WIDE: i32 = 3;

/** Codes of a tensor: signed bytes. */
export const CODES_I8: i32 = 0;
/** Unsigned bytes. */
export const CODES_U8: i32 = 1;
/** Signed 16-bit codes. */
export const CODES_I16: i32 = 2;

/** What requantization writes beside codes: accumulators as they are, or float32 numbers. */
export const RESULT_I32: i32 = 3;
export const RESULT_I64: i32 = 4;
export const RESULT_F32: i32 = 5;

/** What gathering does to a value: bytes exclusive-or a mask; bytes as int16 less a zero, from i8 or u8; int16 as it is. */
export const GATHER_BYTES: i32 = 0;
export const GATHER_I8: i32 = 1;
export const GATHER_U8: i32 = 2;
export const GATHER_I16: i32 = 3;

/** Operations on pairs of codes (docs/math.md, equations 30 to 33). */
export const OPERATION_ADD: i32 = 0;
export const OPERATION_SUB: i32 = 1;
export const OPERATION_MUL: i32 = 2;
export const OPERATION_SQUARED_DIFFERENCE: i32 = 3;
export const OPERATION_MINIMUM: i32 = 4;
export const OPERATION_MAXIMUM: i32 = 5;
export const OPERATION_PRELU: i32 = 6;
/** Of float32 only (equation 62). */
export const OPERATION_DIV: i32 = 7;
export const OPERATION_POW: i32 = 8;
export const OPERATION_FMOD: i32 = 9;

/** Functions of one value (docs/math.md, equation 35). */
export const ACTIVATION_RELU: i32 = 0;
export const ACTIVATION_RELU6: i32 = 1;
export const ACTIVATION_RELU_N1_TO_1: i32 = 2;
export const ACTIVATION_LEAKY_RELU: i32 = 3;
export const ACTIVATION_ELU: i32 = 4;
export const ACTIVATION_SIGMOID: i32 = 5;
export const ACTIVATION_TANH: i32 = 6;
export const ACTIVATION_HARD_SIGMOID: i32 = 7;
export const ACTIVATION_HARD_SWISH: i32 = 8;
export const ACTIVATION_SILU: i32 = 9;
export const ACTIVATION_GELU: i32 = 10;
export const ACTIVATION_GELU_TANH: i32 = 11;
export const ACTIVATION_MISH: i32 = 12;
export const ACTIVATION_EXP: i32 = 13;
export const ACTIVATION_LOG: i32 = 14;
export const ACTIVATION_SQRT: i32 = 15;
export const ACTIVATION_SOFTPLUS: i32 = 16;
export const ACTIVATION_SOFTSIGN: i32 = 17;
export const ACTIVATION_ERF: i32 = 18;

/** Functions of one code in TensorFlow Lite's integers (docs/math.md, equations 34, 37 to 39). */
export const FIXED_RESCALE: i32 = 0;
export const FIXED_SIGMOID_8: i32 = 1;
export const FIXED_TANH_8: i32 = 2;
export const FIXED_SIGMOID_16: i32 = 3;
export const FIXED_TANH_16: i32 = 4;
export const FIXED_HARD_SWISH: i32 = 5;

/** Scratch values that a product of float32 matrices takes for tiles at its edges: three tiles. */
export const FLOAT_EDGE: i32 = 96;

/** More functions of one value, of float32 only (docs/math.md, equation 61). */
export const FUNCTION_CLIP: i32 = 19;
export const FUNCTION_LINEAR: i32 = 20;
export const FUNCTION_ABS: i32 = 21;
export const FUNCTION_NEG: i32 = 22;
export const FUNCTION_SIGN: i32 = 23;
export const FUNCTION_CEIL: i32 = 24;
export const FUNCTION_FLOOR: i32 = 25;
export const FUNCTION_ROUND: i32 = 26;
export const FUNCTION_RECIPROCAL: i32 = 27;
export const FUNCTION_SQUARE: i32 = 28;
export const FUNCTION_SELU: i32 = 29;
export const FUNCTION_CELU: i32 = 30;
export const FUNCTION_THRESHOLDED_RELU: i32 = 31;
export const FUNCTION_SIN: i32 = 32;
export const FUNCTION_COS: i32 = 33;
export const FUNCTION_TAN: i32 = 34;
export const FUNCTION_ASIN: i32 = 35;
export const FUNCTION_ACOS: i32 = 36;
export const FUNCTION_ATAN: i32 = 37;
export const FUNCTION_SINH: i32 = 38;
export const FUNCTION_COSH: i32 = 39;
export const FUNCTION_ASINH: i32 = 40;
export const FUNCTION_ACOSH: i32 = 41;
export const FUNCTION_ATANH: i32 = 42;

/** What a reduction makes of the values it takes (docs/math.md, equation 63). */
export const REDUCTION_SUM: i32 = 0;
export const REDUCTION_MEAN: i32 = 1;
export const REDUCTION_SQUARES: i32 = 2;
export const REDUCTION_MAGNITUDES: i32 = 3;
export const REDUCTION_PRODUCT: i32 = 4;
export const REDUCTION_MAXIMUM: i32 = 5;
export const REDUCTION_MINIMUM: i32 = 6;
