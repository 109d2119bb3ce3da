// One call beside the same work of onnxruntime-web, from typed array to typed array: both sides copy into their wasm memory
// and out of it. Outputs are compared before anything is timed.

import assert from "node:assert/strict";
import { takeTurns } from "./timing.mjs";

/** Fails unless codes are at most so many steps apart, and all but `most` of them the same. */
export function assertNear(ours, theirs, steps, most = Number.POSITIVE_INFINITY) {
  assert.equal(ours.length, theirs.length);
  let apart = 0;
  for (let i = 0; i < ours.length; i++) {
    const distance = Math.abs(ours[i] - theirs[i]);
    assert.ok(distance <= steps, `codes ${ours[i]} and ${theirs[i]} at ${i}`);
    if (distance > 0) apart++;
  }
  assert.ok(apart <= most, `${apart} codes are apart`);
}

/**
 * The row of a piece of work.
 * @param work { work: what is done, asked: the least ratio to the rival (absent: it is only told), values: of one call }
 * @param call the library's
 * @param rival { model, input: { type, shape, data: an array for each input }, byHand: whether it is timed by hand as well }
 * @param check (what `call` gives, the rival's outputs)
 */
export async function duel({ ort }, { work, asked, values }, call, { model, input, byHand = false }, check) {
  const session = await ort.open(model, { type: input.type, shape: input.shape });
  const rivalCall = () => session.run(...input.data);
  check(call(), await rivalCall());
  const { ratios, ...times } = await takeTurns({
    octavo: { call },
    rival: { call: rivalCall, defer: true },
    ...(byHand && { rivalByHand: { call: rivalCall, byHand } }),
  });
  await session.close();
  const row = { work, ...times, ratio: ratios.rival, values };
  return asked === undefined ? row : { ...row, asked: `>= ${asked}x`, ok: row.ratio >= asked };
}
