# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
"""Claims that a script checks: prints each, and remembers those that do not hold."""
failures = []


def check(holds, claim):
    print(f"{'ok' if holds else 'FAILED'}: {claim}")
    if not holds:
        failures.append(claim)
