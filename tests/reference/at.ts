// An array's element that must be there: the oracle never reads past an end.

/** values[i]; throws a RangeError outside 0..length - 1. */
export function at<T>(values: ArrayLike<T>, i: number): T {
  const value = values[i];
  if (value === undefined) throw new RangeError(`index ${i} outside 0..${values.length - 1}`);
  return value;
}
