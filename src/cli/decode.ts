// PNG and JPEG files as pixels, and what is in .npz files. The decoders are loaded with this file, once there is something for them.

import wasm from "@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm";
import decodeJpeg, { init as initAny } from "@jsquash/jpeg/decode.js";
import { convertIndexedToRgb, decode, hasPngSignature } from "fast-png";
import { unzipSync } from "fflate";
import { rangeError } from "../check.ts";

/** Pixels of three bytes: red, green, blue. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Pixels that an image may have: as many as PIL takes. */
const MOST_PIXELS = 178_956_970;

function checkExtent(width: number, height: number): void {
  if (width * height > MOST_PIXELS) throw rangeError("image", `at most ${MOST_PIXELS} pixels`, [width, height]);
}

/** Grey levels, of 1, 2 or 4 bits, as a palette. */
function greys(depth: number): number[][] {
  const most = 2 ** depth - 1;
  return Array.from({ length: most + 1 }, (_, level) => new Array(3).fill((level * 255) / most));
}

/** Colours, or grey as three equal ones, without their opacity; of 16 bits the upper 8. */
function toRgb(data: ArrayLike<number>, channels: number, depth = 8): Uint8Array {
  const rgb = new Uint8Array((data.length / channels) * 3);
  const step = channels < 3 ? 0 : 1;
  for (let from = 0, to = 0; to < rgb.length; from += channels) {
    for (let c = 0; c < 3; c++) rgb[to++] = (data[from + c * step] as number) >> (depth - 8);
  }
  return rgb;
}

function readPng(bytes: Uint8Array): Picture {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length >= 24) checkExtent(view.getUint32(16), view.getUint32(20)); // the first chunk has them
  const png = decode(bytes, { checkCrc: true });
  const { width, height, depth, channels } = png;
  const palette = png.palette ?? (depth < 8 ? greys(depth) : undefined);
  const data = palette
    ? convertIndexedToRgb({ ...png, palette: palette.map((colour) => colour.slice(0, 3)) })
    : toRgb(png.data, channels, depth);
  if (data.length !== width * height * 3) throw rangeError("image", `${width * height} pixels`, data.length / 3);
  return { width, height, data };
}

/** Markers of a JPEG file's frame, which says how large it is: C0 to CF, but for tables (C4, CC) and C8. */
const isFrame = (marker: number) => marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

/** Holds what a JPEG file says of its extent to the bound, before memory is asked for. */
function checkJpeg(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 2; at + 9 <= bytes.length && bytes[at] === 0xff; ) {
    const marker = bytes[at + 1] as number;
    if (isFrame(marker)) checkExtent(view.getUint16(at + 7), view.getUint16(at + 5));
    at += marker === 0xff ? 1 : 2 + view.getUint16(at + 2); // any number of FF may precede a marker
  }
}

/** As it is: its declaration has fewer parameters. */
const init = initAny as (module: WebAssembly.Module, options: object) => Promise<void>;

/** What the decoder complains of; it goes on with most of it. */
const complaints: string[] = [];

/** A decoder that has refused a file has ended: the next file gets a new one. */
let isFresh = false;

async function readJpeg(bytes: Uint8Array): Promise<Picture> {
  checkJpeg(bytes);
  complaints.length = 0;
  if (!isFresh) await init(new WebAssembly.Module(wasm), { printErr: (line: string) => complaints.push(line) });
  isFresh = false;
  const found = await decodeJpeg(bytes as never).catch((error: unknown) => complaints.push(String(error)));
  if (complaints.length > 0 || typeof found === "number") throw rangeError("image", "a sound JPEG", complaints[0]);
  isFresh = true;
  return { width: found.width, height: found.height, data: toRgb(found.data, 4) };
}

/**
 * The pixels of a PNG or JPEG file, not turned, whatever its metadata say of its orientation.
 * @throws RangeError where it is neither, is damaged, or has more pixels than there is sense in
 */
export async function readPicture(bytes: Uint8Array): Promise<Picture> {
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return readJpeg(bytes);
  if (!hasPngSignature(bytes)) throw rangeError("image", "a PNG or a JPEG", Array.from(bytes.subarray(0, 8)));
  try {
    return readPng(bytes);
  } catch (error) {
    throw rangeError("image", "a sound PNG", (error as Error).message);
  }
}

/** Deflate makes no byte of more than so many. */
const MOST_EXPANSION = 1032;

/** The files in a zip file, by name. */
export function unzip(bytes: Uint8Array): Record<string, Uint8Array> {
  try {
    return unzipSync(bytes, {
      filter({ name, size, originalSize }) {
        if (originalSize <= (size + 1) * MOST_EXPANSION) return true;
        throw rangeError(name, "a size that its bytes can have", originalSize);
      },
    });
  } catch (error) {
    throw rangeError("npz", "a sound zip file", (error as Error).message);
  }
}
