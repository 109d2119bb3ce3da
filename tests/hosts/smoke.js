// The smoke test: every public function over seeded inputs, in every tier of the host, down to one SHA-256 of results.
// Host-free: Node, Deno, Bun and the browsers run this file as it is. The library promises the same bytes everywhere,
// so nothing is rounded or normalised before it is hashed.

import { attempt, EXERCISES, isRefusal, refusals } from "./exercises.js";

/**
 * Runs every exercise in every tier.
 * @param octavo the library: its module's namespace, or the script tag's global
 * @returns by tier the hash, the bytes behind it, and what each exercise came to
 * @throws where a public function has no exercise, or an exercise no function
 */
export async function smoke(octavo) {
  checkTable(octavo);
  const tiers = {};
  for (const tier of tiersOf(octavo)) {
    octavo.useTier(tier);
    tiers[tier] = await run(octavo, tier);
  }
  return tiers;
}

function checkTable(octavo) {
  const functions = Object.keys(octavo).filter((name) => typeof octavo[name] === "function");
  const missing = functions.filter((name) => !Object.hasOwn(EXERCISES, name));
  const stale = Object.keys(EXERCISES).filter((name) => !functions.includes(name));
  if (missing.length > 0) throw new Error(`no exercise for the public ${missing.join(", ")}`);
  if (stale.length > 0) throw new Error(`an exercise for ${stale.join(", ")}, which is not public`);
}

/** The tiers this host has; left to itself, the library has to choose the last of them. */
function tiersOf(octavo) {
  octavo.useTier();
  const chosen = octavo.tier();
  const tiers = isRefusal(attempt(() => octavo.useTier("relaxed"))) ? ["simd"] : ["simd", "relaxed"];
  if (chosen !== tiers.at(-1)) throw new Error(`the library chose "${chosen}" of ${tiers.join(", ")}`);
  return tiers;
}

async function run(octavo, tier) {
  const results = new Results();
  const exercises = {};
  for (const [name, exercise] of Object.entries({ ...EXERCISES, refusals })) {
    const start = results.length;
    await exercise(octavo, (...values) => results.record(values), tier);
    // the counts show in a change of the golden file when a call that should work has come to be refused
    exercises[name] = `${(await results.sha256(start)).slice(0, 16)}: ${results.counts()}`;
  }
  return { sha256: await results.sha256(0), bytes: results.length, exercises };
}

/** Results as bytes, one after another: arrays' own, numbers as float64, text as UTF-8, objects as keys and values. */
class Results {
  bytes = new Uint8Array(1 << 20);
  length = 0;
  recorded = 0;
  refused = 0;

  record(values) {
    this.recorded += values.length;
    this.refused += values.filter(isRefusal).length;
    for (const value of values) this.add(value);
  }

  /** How many results were recorded since the last call. */
  counts() {
    const { recorded, refused } = this;
    this.recorded = this.refused = 0;
    return `${recorded} results, ${refused} refused`;
  }

  async sha256(start) {
    const digest = await crypto.subtle.digest("SHA-256", this.bytes.subarray(start, this.length));
    return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  add(value) {
    if (ArrayBuffer.isView(value)) {
      this.text(`${value[Symbol.toStringTag]} ${value.length}`);
      this.write(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    } else if (typeof value === "number" && !Number.isNaN(value)) {
      this.write(new Uint8Array(Float64Array.of(value).buffer));
    } else if (value === null || typeof value !== "object") {
      this.text(value); // NaN too, for a number has no payload
    } else {
      const plain = typeof value.toJSON === "function" ? value.toJSON() : value;
      this.text(Array.isArray(plain) ? plain.length : Object.keys(plain));
      for (const part of Object.values(plain)) this.add(part);
    }
  }

  text(value) {
    this.write(new TextEncoder().encode(`${value}\n`));
  }

  write(bytes) {
    while (this.length + bytes.length > this.bytes.length) {
      const larger = new Uint8Array(this.bytes.length * 2);
      larger.set(this.bytes);
      this.bytes = larger;
    }
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }
}
