// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// @huggingface/hub: parseSafetensorsMetadata, whose requests are answered from the local file.
// It reads headers only, so no bytes of tensors are touched.
import { parseSafetensorsMetadata } from "@huggingface/hub";
import { readFileSync } from "node:fs";
import { run } from "./answers.mjs";

/** What a server answers to a request for a range of the file. */
function serve(content, request) {
  const range = /^bytes=(\d+)-(\d+)$/.exec(new Headers(request?.headers).get("range"));
  const size = content.byteLength;
  if (!range) return new Response(content, { headers: { etag: '"0"' } });
  const first = Number(range[1]);
  const last = Math.min(Number(range[2]), size - 1);
  if (last < first) {
    return new Response(null, { status: 416, headers: { "content-range": `bytes */${size}` } });
  }
  return new Response(content.subarray(first, last + 1), {
    status: 206,
    headers: { etag: '"0"', "content-range": `bytes ${first}-${last}/${size}` },
  });
}

await run(async (path) => {
  const content = readFileSync(path);
  const found = await parseSafetensorsMetadata({
    repo: "local/file",
    path: "model.safetensors",
    fetch: async (_, request) => serve(content, request),
  });
  return Object.entries(found.header)
    .filter(([name]) => name !== "__metadata__")
    .map(([name, { dtype, shape, data_offsets }]) => ({ name, dtype, shape, data_offsets }));
});
