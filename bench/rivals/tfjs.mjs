// The rival in float32: TensorFlow.js on its WebAssembly backend, one thread.

import { join } from "node:path";
import { setThreadsCount, setWasmPaths, version_wasm as version } from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";

setWasmPaths(`${join(import.meta.dirname, "node_modules/@tensorflow/tfjs-backend-wasm/dist")}/`);
setThreadsCount(1);
await tf.setBackend("wasm");

export { tf, version };
