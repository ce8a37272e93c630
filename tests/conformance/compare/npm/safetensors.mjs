// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// The npm package safetensors: SafeTensor, and getTensor of every tensor.
import { readFileSync } from "node:fs";
import safetensors from "safetensors";
import { hex, run } from "./answers.mjs";

await run((path) => {
  const file = new safetensors.SafeTensor(new Uint8Array(readFileSync(path)));
  return [...file.metadata].map(([name, { dtype, shape }]) => ({
    name,
    dtype,
    shape,
    bytes: hex(file.getTensor(name)),
  }));
});
