// Bad input: what is called, and the exact sentence of the error that it has to throw.
import assert from "node:assert/strict";
import { test } from "node:test";

/** A value of the wrong type. */
export const anything = (value: unknown) => value as never;

/** A call and its error; before them a name, where the sentence alone does not tell the case. */
export type Sentence =
  | readonly [call: () => unknown, sentence: string]
  | readonly [what: string, call: () => unknown, sentence: string];

/** Registers a test for each; `next` is what the engine has to be able to do afterwards. */
export function testSentences(sentences: readonly Sentence[], next: () => void = () => {}): void {
  for (const row of sentences) {
    const [what, call, sentence] = row.length === 3 ? row : ["refused", ...row];
    test(`${what}: ${sentence.slice(0, 80)}`, () => {
      assert.throws(call as () => unknown, (error) => {
        assert.equal(String(error), sentence);
        return true;
      });
      next();
    });
  }
}
