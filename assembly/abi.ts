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

/** The type of an operand's codes, where one kernel serves all three. */
export const CODE_I8: i32 = 0;
export const CODE_U8: i32 = 1;
export const CODE_I16: i32 = 2;
