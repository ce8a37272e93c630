// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT

//! The loop of every Rust adapter: a path per line comes in, an answer per line goes out.

use serde_json::{json, Value};
use std::error::Error;
use std::io::{stdin, stdout, BufRead, Write};

/// `read` gives the tensors of a file's bytes, or why it does not. A panic ends the process.
pub fn run(read: impl Fn(Vec<u8>) -> Result<Vec<Value>, Box<dyn Error>>) {
    for path in stdin().lock().lines() {
        let content = std::fs::read(path.expect("a path")).expect("a file");
        let answer = match read(content) {
            Ok(tensors) => json!({"accepted": true, "tensors": tensors}),
            Err(_) => json!({"accepted": false}),
        };
        let mut answers = stdout().lock();
        writeln!(answers, "{answer}")
            .and_then(|()| answers.flush())
            .expect("a reader");
    }
}
