// How values meet their scales: one loop for every kernel that has a scale per tensor, axis index or block.
//
// A tensor is rows of `length` values. A row is cut into groups of `block` values (the last of a row may be short). A group
// owns `lanes` scales: one for all its values, or one a value, repeating every `lanes` values. Groups take their scales in
// order, beginning again after `total` of them. A call covers `count` values from `position` of a row on, whose group's
// first scale is `index`, so that any stretch of a tensor can be done alone.

/** What is done to `count` neighbouring values: with one scale (`lanes` 1), or each with its own. */
export abstract class Step {
  /** Bytes of one input value. */
  abstract get inputSize(): i32;
  /** Bytes of one output value. */
  abstract get outputSize(): i32;
  /** The step; its result is or-ed into the walk's. */
  abstract run(x: usize, y: usize, count: i32, lanes: i32, scales: usize, zeros: usize, lo: i32, hi: i32): i32;
}

/** Walks `count` values of x and y. `S` is only a name for static dispatch: no instance exists. */
export function walk<S extends Step>(
  x: usize,
  y: usize,
  count: u32,
  position: u32,
  length: u32,
  block: u32,
  lanes: u32,
  index: u32,
  total: u32,
  scales: usize,
  zeros: usize,
  lo: i32,
  hi: i32,
): i32 {
  const step = changetype<S>(0);
  let result = 0;
  let inGroup = position % block;
  while (count > 0) {
    const group = min(min(block - inGroup, length - position), count);
    let lane = lanes == 1 ? 0 : inGroup % lanes;
    for (let done: u32 = 0; done < group;) {
      const part = lanes == 1 ? group : min(lanes - lane, group - done);
      const at = (<usize>(index + lane)) << 2;
      result |= step.run(x, y, part, lanes, scales + at, zeros + at, lo, hi);
      x += part * step.inputSize;
      y += part * step.outputSize;
      done += part;
      lane = 0;
    }
    count -= group;
    position += group;
    if (position == length) position = 0;
    inGroup = 0;
    index += lanes;
    if (index == total) index = 0;
  }
  return result;
}
