// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// The loop of every JavaScript adapter: a path per line comes in, an answer per line goes out.
import { createInterface } from "node:readline";

/** read(path) gives the tensors, or a promise of them, or throws. */
export async function run(read) {
  for await (const path of createInterface({ input: process.stdin })) {
    let answer;
    try {
      answer = { accepted: true, tensors: await read(path) };
    } catch {
      answer = { accepted: false };
    }
    process.stdout.write(JSON.stringify(answer) + "\n");
  }
}

/** The bytes behind a typed array. */
export const hex = (view) => Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString("hex");
