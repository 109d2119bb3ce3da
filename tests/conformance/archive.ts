// The conformance archives: tar files, gzipped, and the tensors in them.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { readTensor } from "../../src/io/tensor-proto.ts";
import type { Constant } from "../../src/model/graph.ts";

const FOLDER = join(import.meta.dirname, "..", "..", "..", "shared", "data", "conformance");

/** Bytes of a tar header, and what files are rounded up to. */
const BLOCK = 512;

/** A field of a header: text up to the first zero byte. */
function field(header: Buffer, at: number, length: number): string {
  return header.toString("utf8", at, at + length).replace(/\0.*$/s, "");
}

/** Files of a GNU archive by path: one of more than 100 characters is an entry of its own, "L", before the file. */
function untar(tar: Buffer): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  let long = "";
  for (let at = 0; at + BLOCK <= tar.length && tar[at] !== 0; ) {
    const header = tar.subarray(at, at + BLOCK);
    const size = Number.parseInt(field(header, 124, 12), 8);
    const data = tar.subarray(at + BLOCK, at + BLOCK + size);
    const type = field(header, 156, 1);
    if (type === "0") files.set(long || field(header, 0, 100), data);
    long = type === "L" ? field(data, 0, size) : "";
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  return files;
}

/** Files of an archive of the conformance data by path; `skip` of data.ts says whether it is there. */
export function archive(name: string): Map<string, Buffer> {
  return untar(gunzipSync(readFileSync(join(FOLDER, name))));
}

/** The tensor of a .pb file; one of strings has no data. */
export function tensorFile(bytes: Uint8Array): Constant {
  return readTensor(bytes, "of the file") as Constant;
}
