// Images for tests, as files: PNG by fast-png, JPEG by mozjpeg.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import encode, { init } from "@jsquash/jpeg/encode.js";
import { encode as encodePng } from "fast-png";

/** A picture of which every value is known: [height, width, 3]. */
export function pixels(height: number, width: number): Uint8Array {
  const value = (x: number, y: number, c: number) => (x * 37 + y * 91 + c * 53 + x * y * 7) % 256;
  return Uint8Array.from({ length: height * width * 3 }, (_, i) =>
    value(Math.floor(i / 3) % width, Math.floor(i / 3 / width), i % 3),
  );
}

export function png(height: number, width: number, data = pixels(height, width), channels = 3): Uint8Array {
  return encodePng({ width, height, data, channels });
}

const wasm = createRequire(import.meta.url).resolve("@jsquash/jpeg/codec/enc/mozjpeg_enc.wasm");

/** Smooth, so that little is lost. */
export async function jpeg(height: number, width: number): Promise<Uint8Array> {
  await (init as unknown as (module: WebAssembly.Module) => Promise<void>)(new WebAssembly.Module(readFileSync(wasm)));
  const data = Uint8ClampedArray.from({ length: height * width * 4 }, (_, i) =>
    i % 4 === 3 ? 255 : 40 * (1 + (i % 4)),
  );
  const image = { width, height, data, colorSpace: "srgb" } as unknown as ImageData;
  return new Uint8Array(await encode(image, { quality: 100 }));
}
