// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// A library that shares no symbols with the program that loads it, as plugins are made.
#include <safetensors/safetensors.hpp>

#ifdef _WIN32
#define EXPORTED __declspec(dllexport)
#else
#define EXPORTED __attribute__((visibility("default")))
#endif

// Declared in linking.test.cpp; by void*, since the two know the class by themselves.
extern "C" EXPORTED bool library_finds(const void* index, const char* name) {
  return static_cast<const safetensors::header*>(index)->contains(name);
}
