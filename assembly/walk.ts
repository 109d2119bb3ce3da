// How values meet their scales: one loop for every kernel that has a scale per tensor, axis index or block.
//
// A tensor is rows of `length` values. A row is cut into groups of `block` values (the last of a row may be short). A group
// owns `lanes` scales: one for all its values, or one a value, repeating every `lanes` values. Groups take their scales in
// order, beginning again after `total` of them. A call covers a stretch of a tensor that begins anywhere.

/** What is done to `count` neighbouring values: with one scale (`lanes` 1), or each with its own. */
export abstract class Step {
  /** Bytes of one input value. */
  abstract get inputSize(): i32;
  /** Bytes of one output value. */
  abstract get outputSize(): i32;
  /** The step; its result is or-ed into the walk's. */
  abstract run(x: usize, y: usize, count: i32, lanes: i32, scales: usize, zeros: usize, lo: i32, hi: i32): i32;
}

/** Where a stretch of values lies and where its scales and zeros are: eight u32 in memory, in this order. */
@unmanaged
export class Place {
  /** In the row, of the first value. */
  position: u32;
  length: u32;
  block: u32;
  lanes: u32;
  /** The first scale of the first value's group. */
  index: u32;
  total: u32;
  /** Pointer to float32. */
  scales: usize;
  /** Pointer to int32. */
  zeros: usize;
}

/** Walks `count` values of x and y from `place` on. `S` is only a name for static dispatch: no instance exists. */
export function walk<S extends Step>(x: usize, y: usize, count: u32, place: usize, lo: i32, hi: i32): i32 {
  const where = changetype<Place>(place);
  const length = where.length;
  const block = where.block;
  const lanes = where.lanes;
  let position = where.position;
  let index = where.index;
  const step = changetype<S>(0);
  let result = 0;
  let inGroup = position % block;
  while (count > 0) {
    const group = min(min(block - inGroup, length - position), count);
    let lane = lanes == 1 ? 0 : inGroup % lanes;
    for (let done: u32 = 0; done < group;) {
      const part = lanes == 1 ? group : min(lanes - lane, group - done);
      const at = (<usize>(index + lane)) << 2;
      result |= step.run(x, y, part, lanes, where.scales + at, where.zeros + at, lo, hi);
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
    if (index == where.total) index = 0;
  }
  return result;
}
