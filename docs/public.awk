# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# What Doxygen reads of a header: the public declarations, on the lines where they are.
# The inline namespace is left out, as it is in programs, and so is what makes the two ways to compile and what clang
# warns by; what is added to std has no page of its own.
/^namespace safetensors::inline SAFETENSORS_ABI/ { sub(/::inline SAFETENSORS_ABI/, "") }
!/^#/ { gsub(/SAFETENSORS_DECL | SAFETENSORS_LIFETIMEBOUND/, "") }
/^template <> (struct|inline constexpr bool) std::/ { print ""; ending = !/;/ && !/[{]/; next }
ending { print ""; ending = !/;/; next }
# Members for those who build on a class are the library's own here.
/^ protected:/ { hidden = 1 }
/^ private:|^};/ { hidden = 0 }
hidden { print ""; next }
# Bodies of members of class templates, whose declarations are documented.
skipping { print ""; if (/^}/) skipping = 0; next }
/^template / { holding = 1 }
holding {
  head = head $0
  held = held $0 "\n"
  if (!/[{;]/) next
  body = head ~ /<[A-Z][a-z]*>::[a-z_]+\(/
  if (body) gsub(/[^\n]/, "", held)
  printf "%s", held
  skipping = body && !/}$/
  holding = 0
  head = held = ""
  next
}
# The members that throw share the comment of the first of them.
/^#if SAFETENSORS_EXCEPTIONS$/ { begins = 1; next }
begins { members = /^  /; print members ? "///@{" : ""; begins = 0; inside = 1 }
inside && /^#endif$/ { print members ? "///@}" : ""; inside = 0; next }
{ print }
