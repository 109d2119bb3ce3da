// Which scale each value of a walk meets: against a walk of one value at a time.

import { Place, Step, walk } from "../../assembly/walk";

/** Bytes of an input and of an output value of the step below: different, so that they cannot be mixed up. */
const INPUT = 4;
const OUTPUT = 2;

/** Room for the scales' addresses, which the step does not read. */
const SCALES: usize = 4096;
const ZEROS: usize = 8192;

/** Scale of each value, in the order in which the step met them; how often it was called. */
let met = new Array<i32>();
let calls = 0;
let mistakes = 0;

class Recorder extends Step {
  get inputSize(): i32 {
    return INPUT;
  }

  get outputSize(): i32 {
    return OUTPUT;
  }

  run(x: usize, y: usize, count: i32, lanes: i32, scales: usize, zeros: usize, lo: i32, hi: i32): i32 {
    const first = met.length;
    mistakes += i32(x != <usize>first * INPUT) + i32(y != <usize>first * OUTPUT);
    mistakes += i32(zeros - ZEROS != scales - SCALES) + i32(lo != -5) + i32(hi != 7);
    const scale = <i32>((scales - SCALES) >> 2);
    for (let i = 0; i < count; i++) met.push(lanes == 1 ? scale : scale + i);
    return 1 << calls++;
  }
}

function record(count: u32, position: u32, length: u32, block: u32, lanes: u32, index: u32, total: u32): i32 {
  met = [];
  calls = 0;
  const place = new Place();
  place.position = position;
  place.length = length;
  place.block = block;
  place.lanes = lanes;
  place.index = index;
  place.total = total;
  place.scales = SCALES;
  place.zeros = ZEROS;
  return walk<Recorder>(0, 0, count, changetype<usize>(place), -5, 7);
}

/** The scale of each value of whole rows from the first on, as walk.ts describes it. */
function scalesOf(count: u32, length: u32, block: u32, lanes: u32, total: u32): Array<i32> {
  const scales = new Array<i32>();
  const groups = (length + block - 1) / block;
  for (let i: u32 = 0; i < count; i++) {
    const place = i % length;
    const group = (i / length) * groups + place / block;
    scales.push(((group * lanes) % total) + (lanes == 1 ? 0 : (place % block) % lanes));
  }
  return scales;
}

/** Every stretch of `count` values from every place gives what the whole gives there. */
function expectStretches(count: u32, length: u32, block: u32, lanes: u32, total: u32): void {
  const whole = scalesOf(count, length, block, lanes, total);
  for (let from: u32 = 0; from < count; from++) {
    const inBlock = lanes == 1 ? 0 : ((from % length) % block) % lanes;
    for (let to = from; to <= count; to++) {
      record(to - from, from % length, length, block, lanes, from < count ? whole[from] - inBlock : 0, total);
      expect<Array<i32>>(met).toStrictEqual(whole.slice(from, to));
    }
  }
}

describe("walk", () => {
  it("does nothing to no values", () => {
    expect<i32>(record(0, 0, 1, 1, 1, 0, 1)).toBe(0);
    expect<i32>(calls).toBe(0);
  });

  it("takes a tensor with one scale in one call", () => {
    record(37, 0, 37, 37, 1, 0, 1);
    expect<i32>(calls).toBe(1);
    expectStretches(13, 13, 13, 1, 1);
  });

  it("takes a row with one scale in one call, and begins again after the last scale", () => {
    record(15, 0, 5, 5, 1, 0, 3);
    expect<i32>(calls).toBe(3);
    expectStretches(20, 5, 5, 1, 2);
  });

  it("cuts rows into blocks, the last one short", () => {
    record(20, 0, 10, 4, 1, 0, 6);
    expect<i32>(calls).toBe(6);
    expectStretches(20, 10, 4, 1, 6);
    expectStretches(15, 5, 2, 1, 3);
    expectStretches(6, 3, 1, 1, 6);
  });

  it("gives each value of a row its own scale", () => {
    record(12, 0, 12, 12, 4, 0, 4);
    expect<i32>(calls).toBe(3);
    expectStretches(12, 4, 4, 4, 4);
    expectStretches(18, 9, 9, 3, 3);
  });

  it("gives groups of rows their own scales of each value", () => {
    expectStretches(24, 12, 6, 3, 12);
    expectStretches(20, 10, 4, 2, 12);
  });

  it("joins what the step gives", () => {
    expect<i32>(record(20, 0, 10, 4, 1, 0, 6)).toBe(0b111111);
  });

  it("moved both pointers, both parameter arrays and the bounds along in all of these", () => {
    expect<i32>(mistakes).toBe(0);
  });
});
