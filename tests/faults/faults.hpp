// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// What the tests of faults share: models, ways to write them, and what a folder holds.
#pragma once

#include "../support.hpp"

#include <safetensors/writer.hpp>

#include <array>
#include <map>
#include <numeric>

#include <fcntl.h>
#include <sys/stat.h>

namespace testing {

// A model of three tensors, as tensors, as a plan, and as the bytes of its file.
class model {
 public:
  model(std::size_t rows, float first) : weights_(rows * 256), halves_(rows), flags_(3) {
    std::iota(weights_.begin(), weights_.end(), first);
    std::iota(halves_.begin(), halves_.end(), static_cast<std::uint16_t>(first));
    auto serialized = safetensors::try_serialize(tensors());
    REQUIRE(serialized.has_value());
    const auto* text = reinterpret_cast<const char*>(serialized->data());
    file_.assign(text, serialized->size());
  }
  [[nodiscard]] std::vector<safetensors::tensor_data> tensors() const {
    return {{"weights", {halves_.size(), 256}, weights_},
            {"halves", safetensors::dtype::bf16, {halves_.size()}, halves_},
            {"flags", safetensors::dtype::boolean, {flags_.size()}, flags_}};
  }
  [[nodiscard]] safetensors::write_plan plan() const {
    auto made = safetensors::write_plan::try_make(tensors());
    REQUIRE(made.has_value());
    return *std::move(made);
  }
  [[nodiscard]] const std::string& file() const { return file_; }

 private:
  std::vector<float> weights_;
  std::vector<std::uint16_t> halves_;
  std::vector<std::byte> flags_;
  std::string file_;
};

enum class way { saved, appended, copied };
inline constexpr std::array all_ways{way::saved, way::appended, way::copied};

// A model, and the file from which it is copied, which lies where it will be written.
class written_model {
 public:
  written_model(std::size_t rows, float first, const std::filesystem::path& parent)
      : folder_(parent), model_(rows, first) {
    const auto path = folder_ / "source.safetensors";
    write_file(path, model_.file());
    auto opened = safetensors::file_source::try_open(path);
    REQUIRE(opened.has_value());
    source_ = *std::move(opened);
  }
  [[nodiscard]] const std::string& file() const { return model_.file(); }

  // All that the library does for it happens within: opening, writing, closing.
  [[nodiscard]] safetensors::result<void> write(way how, const std::filesystem::path& path,
                                                const safetensors::output_options& options) const {
    if (how == way::saved)
      return safetensors::try_save(path, model_.tensors(), {.output = options});
    auto out = safetensors::writer::try_create(path, model_.plan(), options);
    if (!out) return std::move(out).error();
    for (const safetensors::tensor_info tensor : out->plan().header()) {
      const safetensors::byte_range range = tensor.file_range();
      if (how == way::copied) {
        if (auto copied = out->try_append_from(tensor.name(), source_, range); !copied)
          return copied;
        continue;
      }
      const auto bytes = std::as_bytes(std::span(file()))
                             .subspan(static_cast<std::size_t>(range.begin),
                                      static_cast<std::size_t>(range.size()));
      for (const auto piece : {bytes.first(bytes.size() / 2), bytes.subspan(bytes.size() / 2)})
        if (auto appended = out->try_append(tensor.name(), piece); !appended) return appended;
    }
    return out->try_finish();
  }

 private:
  temporary_folder folder_;
  model model_;
  safetensors::file_source source_;
};

struct entry {
  ::mode_t mode{};
  ::ino_t node{};
  ::uid_t owner{};
  ::gid_t group{};
  std::string bytes{};  // of a link: where it leads
  friend bool operator==(const entry&, const entry&) = default;
};
using folder_content = std::map<std::string, entry>;

// Everything below a folder but folders, by path.
inline folder_content content_of(const std::filesystem::path& folder) {
  folder_content content;
  for (const auto& item : std::filesystem::recursive_directory_iterator(folder)) {
    struct ::stat status{};
    REQUIRE(::lstat(item.path().c_str(), &status) == 0);
    if (S_ISDIR(status.st_mode)) continue;
    content[item.path().lexically_relative(folder).string()] = {
        status.st_mode, status.st_ino, status.st_uid, status.st_gid,
        S_ISLNK(status.st_mode) ? std::filesystem::read_symlink(item.path()).string()
                                : read_file(item.path())};
  }
  return content;
}

// The two modes that are right, for an old file and for a new one, and differ.
inline constexpr ::mode_t old_mode = 0640, new_mode = 0644;

// Of links, those that are followed, and one that is replaced.
enum class target { absent, existing, link_to_existing, link_to_absent, replaced_link, foreign };

// A folder with a target, which is made anew whenever something has changed it.
class workplace {
 public:
  workplace(target kind, std::string_view old_file, const std::filesystem::path& parent)
      : folder_(parent), kind_(kind), old_file_(old_file) {
    ::umask(022);
    prepare();
  }
  // What is given to the library, and the name that the file has in the end.
  [[nodiscard]] std::filesystem::path path() const {
    return folder_ / (is_link() ? "link" : name());
  }
  [[nodiscard]] std::string name() const {
    return kind_ == target::replaced_link ? "link" : old_name();
  }
  [[nodiscard]] bool exists() const {
    return kind_ != target::absent && kind_ != target::link_to_absent;
  }
  [[nodiscard]] bool is_link() const {
    return kind_ == target::link_to_existing || kind_ == target::link_to_absent ||
           kind_ == target::replaced_link;
  }
  // To be written as the target's kind wants it.
  [[nodiscard]] safetensors::output_options options(safetensors::output_options options) const {
    if (kind_ != target::replaced_link) options.links = safetensors::link_mode::follow;
    return options;
  }
  [[nodiscard]] const folder_content& before() const { return before_; }
  [[nodiscard]] folder_content now() const { return content_of(folder_ / ""); }

  void prepare() {
    std::filesystem::remove_all(folder_ / "");
    std::filesystem::create_directories(folder_ / "far");
    if (is_link()) std::filesystem::create_symlink("far/t.safetensors", folder_ / "link");
    if (exists()) {
      const auto path = folder_ / old_name();
      write_file(path, old_file_);
      if (kind_ == target::foreign) REQUIRE(::chown(path.c_str(), 54321, 54322) == 0);
      REQUIRE(::chmod(path.c_str(), old_mode) == 0);
    }
    before_ = now();
  }

 private:
  [[nodiscard]] std::string old_name() const {
    return is_link() ? "far/t.safetensors" : "t.safetensors";
  }
  temporary_folder folder_;
  target kind_;
  std::string old_file_;
  folder_content before_;
};

}  // namespace testing
