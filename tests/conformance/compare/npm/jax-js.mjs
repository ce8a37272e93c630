// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// @jax-js/loaders: safetensors.parse, which makes a typed array of every tensor.
import { Float16Array } from "@petamoriken/float16";
import { safetensors } from "@jax-js/loaders";
import { readFileSync } from "node:fs";
import { hex, run } from "./answers.mjs";

globalThis.Float16Array ??= Float16Array; // browsers have it, older versions of Node.js do not

await run((path) =>
  Object.entries(safetensors.parse(new Uint8Array(readFileSync(path))).tensors).map(
    ([name, { dtype, shape, data }]) => ({ name, dtype, shape, bytes: hex(data) }),
  ),
);
