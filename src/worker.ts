// The script of a worker, which is build/worker.js: not a part of the library, and told by it what to do.

import { answerFirst } from "./host.ts";
import { work } from "./wasm/threads.ts";

answerFirst(work);
