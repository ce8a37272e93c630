#!/bin/sh
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# Makes the reference, build/docs/html. Fails if a public name is missing in it or has no documentation, and if a link
# in the Markdown leads nowhere within the project.
set -eu
cd "$(dirname "$0")/.."
sh packaging/dependencies.sh docs
mkdir -p build/docs
SAFETENSORS_VERSION=$(sed -n 's/^#define SAFETENSORS_VERSION_[A-Z]* //p' include/safetensors/base/version.hpp | paste -s -d . -)
export SAFETENSORS_VERSION
doxygen docs/Doxyfile

failed=0
for header in include/safetensors/*.hpp include/safetensors/base/*.hpp include/safetensors/read/*.hpp include/safetensors/write/*.hpp; do
  awk -f docs/public.awk "$header" |
    sed '/^namespace.*detail {$/,/^}  \/\/ namespace.*detail$/d; /^struct detail::/,/^};/d' >build/docs/public.txt
  # Some versions of Doxygen do not ask for enumerators.
  if sed -n '/^enum class/,/^};/p' build/docs/public.txt | grep '^  [a-z]' | grep -v '///<'; then
    echo "These enumerators of $header are not documented."
    failed=1
  fi
  # What the filter or a version's parser loses would not be missed otherwise.
  for name in $(sed 's/detail::try_[a-z]*//; /^ private:/,/^};/d' build/docs/public.txt | grep -o 'try_[a-z0-9_]*(' | tr -d '(' | sort -u); do
    grep -q "<name>$name</name>" build/docs/safetensors.tag || { echo "$name is not in the reference."; failed=1; }
  done
done
for file in *.md .github/*.md $(find bench docs examples packaging tests -name '*.md'); do
  for link in $(grep -o '](\.*[^): ]*)' "$file" | sed 's/^](//; s/)$//'); do
    to=$(dirname "$file")/${link%%#*}
    [ -n "${link%%#*}" ] || to=$file
    heading=${link#"${link%%#*}"}
    if [ ! -e "$to" ]; then
      echo "$file: $link is not there."
      failed=1
    elif [ -n "$heading" ] && ! sed -n 's/^##* //p' "$to" | tr 'A-Z ' 'a-z-' | tr -cd 'a-z0-9_\n-' | grep -qx "${heading#\#}"; then
      echo "$file: $link is no heading."
      failed=1
    fi
  done
done
[ "$failed" -eq 0 ] && echo "The reference of version $SAFETENSORS_VERSION is build/docs/html/index.html"
exit "$failed"
