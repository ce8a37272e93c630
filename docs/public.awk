# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# What Doxygen reads of a header: the public declarations, on the lines where they are.
/^\/\/== implementation/ { exit }
# The inline namespace is left out, as it is in programs; what is added to std has no page of its own.
/^inline namespace SAFETENSORS_ABI|^}  \/\/ namespace SAFETENSORS_ABI|^template <> struct std::/ { print ""; next }
# The members that throw share the comment of the first of them.
/^#if SAFETENSORS_EXCEPTIONS$/ { begins = 1; next }
begins { members = /^  /; print members ? "///@{" : ""; begins = 0; inside = 1 }
inside && /^#endif$/ { print members ? "///@}" : ""; inside = 0; next }
{ print }
