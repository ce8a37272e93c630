// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT

//! lattice-weights: SafetensorsFile::from_bytes. Its elements are to be had as f32 alone, so only
//! the tensors that are floats of 16 or 32 bits are touched.

use lattice_weights::f32_weights::SafetensorsFile;
use serde_json::json;

fn main() {
    safetensors_compare::run(|content| {
        let file = SafetensorsFile::from_bytes(content)?;
        file.tensor_names()
            .into_iter()
            .map(|name| {
                let dtype = file.tensor_dtype(name);
                if matches!(dtype, Some("F32" | "F16" | "BF16")) {
                    file.get_f32_tensor(name)?;
                }
                Ok(json!({"name": name, "dtype": dtype, "shape": file.tensor_shape(name)}))
            })
            .collect()
    });
}
