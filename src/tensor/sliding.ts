// Windows that move over an image, along one axis.

/** How a window moves along one axis. */
export interface Axis {
  /** Extent of the image. */
  readonly input: number;
  /** Taps of the window. */
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  /** Padding before and after the image. */
  readonly before: number;
  readonly after: number;
  readonly output: number;
}

/** The extent of a window with its dilation. */
export const reachOf = ({ kernel, dilation }: Pick<Axis, "kernel" | "dilation">) => (kernel - 1) * dilation + 1;

/**
 * How many windows there are along an axis, the last of which may reach beyond the padding behind if it begins before that;
 * undefined where not one fits.
 */
export function windowsAlong(axis: Omit<Axis, "output">, reachesBeyond: boolean): number | undefined {
  const { input, before, after, stride } = axis;
  const room = input + before + after - reachOf(axis);
  if (room < 0) return undefined;
  const windows = (reachesBeyond ? Math.ceil(room / stride) : Math.floor(room / stride)) + 1;
  return windows - +(reachesBeyond && (windows - 1) * stride >= input + before);
}
