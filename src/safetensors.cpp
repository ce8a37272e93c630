// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// The one file of compiled mode: see docs/builds.md.
#include <safetensors/src.hpp>
