// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT

//! yscv-model: SafeTensorFile::from_bytes, and load_tensor of every tensor.

use serde_json::json;
use yscv_model::{SafeTensorDType, SafeTensorFile};

fn main() {
    safetensors_compare::run(|content| {
        let file = SafeTensorFile::from_bytes(&content)?;
        file.tensor_names()
            .into_iter()
            .map(|name| {
                file.load_tensor(name)?;
                let tensor = file.tensor_info(name).expect("a tensor that was listed");
                let dtype = match tensor.dtype {
                    SafeTensorDType::F32 => "F32",
                    SafeTensorDType::F16 => "F16",
                    SafeTensorDType::BF16 => "BF16",
                    SafeTensorDType::I32 => "I32",
                    SafeTensorDType::I64 => "I64",
                    SafeTensorDType::U8 => "U8",
                    SafeTensorDType::Bool => "BOOL",
                };
                Ok(json!({"name": name, "dtype": dtype, "shape": tensor.shape,
                          "data_offsets": [tensor.data_offsets.0, tensor.data_offsets.1]}))
            })
            .collect()
    });
}
