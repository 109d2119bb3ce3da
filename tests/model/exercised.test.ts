// Every operator is part of the smoke test that runs in every host.
import assert from "node:assert/strict";
import { test } from "node:test";
import { operatorNames } from "../../src/model/ops/index.ts";
// @ts-expect-error plain JavaScript, for the hosts run it as it is
import { OPERATORS } from "../hosts/models.js";

test("every operator has an exercise in tests/hosts/models.js", () => {
  assert.deepEqual([...OPERATORS].sort(), operatorNames());
});
