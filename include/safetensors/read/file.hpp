// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
/// @file
/// A file: its header and its bytes.
#pragma once

#include <safetensors/read/storage.hpp>

#include <concepts>
#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

namespace safetensors::inline SAFETENSORS_ABI {

/// A safetensors file whose bytes are in memory. Move-only, and empty when moved from. Owns its
/// header and its storage in one heap block.
///
/// Views are valid while the file object exists, even after it is moved. They become invalid when
/// it is destroyed, overwritten or released. Returning views from a temporary does not compile.
///
/// Errors of opening: those of header, then those of the storage; missing_bytes if the storage
/// holds fewer bytes than its source; out_of_memory if the heap block cannot be allocated.
template <class Storage> class basic_file : public tensor_range<tensor_view> {
  static_assert(byte_storage<Storage>, "a storage is movable, and holds contiguous bytes");

 public:
  basic_file() noexcept = default;              ///< no file: no tensors
  basic_file(basic_file&&) noexcept = default;  ///< views of the other file become views of this
  /// Move assignment. Views of the file that is overwritten become invalid.
  basic_file& operator=(basic_file&&) noexcept = default;
  ~basic_file() = default;

  /// Opens a file. Reads and validates the header first, and only then opens the storage, through
  /// the same handle. Errors: those of file_source::try_open(), then those of opening.
  static result<basic_file> try_open(path_ref path, const read_options& options = {})
      requires loadable_storage<Storage, file_source> {
    result<file_source> source = file_source::try_open(path);
    if (!source) return std::move(source).error();
    return try_read(*source, options);
  }
  /// Opens a file from your own source, which it borrows until the call returns. Errors: those of
  /// opening.
  template <byte_source Source> requires loadable_storage<Storage, std::remove_reference_t<Source>>
  static result<basic_file> try_read(Source&& source, const read_options& options = {}) {
    result<safetensors::header> index = safetensors::header::try_read(source, options);
    if (!index) return std::move(index).error();
    result<Storage> storage = Storage::try_load(source, *index);
    result<basic_file> made = storage ? assemble(*std::move(index), *std::move(storage))
                                      : result<basic_file>(std::move(storage).error());
    if (made) return made;
    return detail::with_path(std::move(made).error(), detail::source_ref(source).path());
  }
  /// Opens a file whose bytes are in memory already. Errors: those of header; out_of_memory if the
  /// heap block cannot be allocated.
  static result<basic_file> try_from(Storage storage, const read_options& options = {});
  /// Deleted, because a span over a temporary would dangle.
  template <class Range> requires(std::ranges::enable_borrowed_range<Storage> &&
                                  !std::same_as<std::remove_cvref_t<Range>, Storage> &&
                                  !std::is_lvalue_reference_v<Range> &&
                                  !std::ranges::enable_borrowed_range<std::remove_cvref_t<Range>>)
  static result<basic_file> try_from(Range&&, const read_options& = {}) = delete;

  /// Returns the index without the bytes. Valid while the file object exists, even after it is
  /// moved.
  [[nodiscard]] const safetensors::header& header() const& noexcept;
  void header() const&& = delete;

  ///@{
  /// Returns the storage, which must keep its bytes where they are: do not resize it, assign to it
  /// or move from it. The file must not be empty by default or by a move. release() needs this,
  /// too. Valid while the file object exists, even after it is moved.
  [[nodiscard]] const Storage& storage() const& noexcept { return state_->storage; }
  [[nodiscard]] Storage& storage() & noexcept { return state_->storage; }
  void storage() const&& = delete;
  ///@}
  /// Returns the storage to you. All views of the file become invalid.
  [[nodiscard]] Storage release() && {
    return std::move(basic_file(std::move(*this)).state_->storage);
  }

#if SAFETENSORS_EXCEPTIONS
  /// Calls try_open(), try_read() or try_from(), and throws safetensors::error if that fails.
  explicit basic_file(path_ref path, const read_options& options = {})
      requires loadable_storage<Storage, file_source>
      : basic_file(try_open(path, options).value()) {}
  template <byte_source Source> requires loadable_storage<Storage, std::remove_reference_t<Source>>
  [[nodiscard]] static basic_file read(Source&& source, const read_options& options = {}) {
    return try_read(source, options).value();
  }
  [[nodiscard]] static basic_file from(Storage storage, const read_options& options = {}) {
    return try_from(std::move(storage), options).value();
  }
  template <class Range> requires(std::ranges::enable_borrowed_range<Storage> &&
                                  !std::same_as<std::remove_cvref_t<Range>, Storage> &&
                                  !std::is_lvalue_reference_v<Range> &&
                                  !std::ranges::enable_borrowed_range<std::remove_cvref_t<Range>>)
  static basic_file from(Range&&, const read_options& = {}) = delete;
#endif

 private:
  struct state {
    safetensors::header index;
    Storage storage;
  };
  explicit basic_file(std::unique_ptr<state> made) noexcept
      : tensor_range(detail::header_door::table(made->index),
                     reinterpret_cast<const std::byte*>(std::data(std::as_const(made->storage))) +
                         static_cast<std::size_t>(made->index.data_start())),
        state_(std::move(made)) {}
  static result<basic_file> assemble(safetensors::header index, Storage storage);
  std::unique_ptr<state> state_;
};

/// A mapped file: `safetensors::file model("model.safetensors");`
using file = basic_file<mapped_file>;
/// A file that is read into memory: immune to truncation, and aligned.
using memory_file = basic_file<owned_bytes>;
/// A file in your own memory. Borrows the memory, which must exist as long as the file object.
using borrowed_file = basic_file<std::span<const std::byte>>;

template <class Storage>
result<basic_file<Storage>> basic_file<Storage>::assemble(safetensors::header index,
                                                          Storage storage) {
  if (std::size(storage) < index.file_size()) return detail::storage_failure(std::size(storage));
  std::unique_ptr<state> made(new (std::nothrow) state{std::move(index), std::move(storage)});
  if (made == nullptr) return errc::out_of_memory;
  return basic_file(std::move(made));
}

template <class Storage>
result<basic_file<Storage>> basic_file<Storage>::try_from(Storage storage,
                                                          const read_options& options) {
  std::string path;
  if constexpr (requires { std::string(storage.path()); }) path = std::string(storage.path());
  const auto bytes = std::as_bytes(std::span(std::data(storage), std::size(storage)));
  result<safetensors::header> index = safetensors::header::try_parse(bytes, bytes.size(), options);
  if (!index) return detail::with_path(std::move(index).error(), std::move(path));
  detail::header_door::set_path(*index, std::move(path));
  return assemble(*std::move(index), std::move(storage));
}

template <class Storage> const safetensors::header& basic_file<Storage>::header() const& noexcept {
  static const safetensors::header none;
  return state_ == nullptr ? none : state_->index;
}

}  // namespace safetensors::inline SAFETENSORS_ABI
