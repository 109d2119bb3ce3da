// The tests' own tool: objects are compared by their fields, so that a wrong one fails (as-pect.transform.mjs).

class Pair {
  constructor(
    public a: i32,
    public b: f32,
  ) {}
}

describe("equality of objects", () => {
  it("holds where all fields are equal", () => {
    expect<Pair>(new Pair(1, 2)).toStrictEqual(new Pair(1, 2));
  });

  it("fails where one field differs", () => {
    expect<Pair>(new Pair(1, 2)).not.toStrictEqual(new Pair(1, 3));
    expect<Pair>(new Pair(1, 2)).not.toStrictEqual(new Pair(0, 2));
  });
});
