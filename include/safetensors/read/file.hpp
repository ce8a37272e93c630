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
#include <string_view>
#include <type_traits>
#include <utility>

namespace safetensors::inline SAFETENSORS_ABI {

namespace detail {
template <class Storage>
concept writable_storage = requires(Storage& storage) {
  { storage.writable_bytes() } -> std::same_as<std::span<std::byte>>;
};
template <class Options, class Storage>
concept options_of = std::same_as<Options, read_options> ||
                     (std::same_as<Options, open_options> && std::same_as<Storage, mapped_bytes>);
}  // namespace detail

/// A safetensors file whose bytes are in memory. Move-only, and empty when moved from. Owns its
/// header and its storage in one heap block.
///
/// Views are valid while the file object exists, even after it is moved. They become invalid when
/// it is destroyed, overwritten or released. Returning views from a temporary does not compile.
///
/// Errors of opening: those of header, then those of the storage; missing_bytes if the storage
/// holds fewer bytes than its source; out_of_memory if the heap block cannot be allocated.
template <class Storage> class basic_file : public tensor_collection<tensor_view> {
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
    return load(*source, options);
  }
  /// Opens and maps a file: `{.mode = map_mode::copy_on_write}`. A template, so that `{}` stands
  /// for read_options. Errors: those of the overload above.
  template <std::same_as<open_options> Options = open_options>
  requires std::same_as<Storage, mapped_bytes>
  static result<basic_file> try_open(path_ref path, const Options& options) {
    result<file_source> source = file_source::try_open(path);
    if (!source) return std::move(source).error();
    return load(*source, options.read, options);
  }
  /// Opens a file from your own source, which it borrows until the call returns. A memory_file also
  /// reads a sequential_source: all of it, or up to the end of the last tensor if
  /// allow_trailing_bytes is true. Its memory grows with the bytes that arrive: a false size
  /// costs at most three times those, and 1 MiB.
  /// Options are read_options, or for a mapped file also open_options.
  /// Errors: those of opening; any error that the source returns.
  template <class Source, detail::options_of<Storage> Options = read_options>
  static result<basic_file> try_read(Source&& source, const Options& options = {}) {
    using source_type = std::remove_reference_t<Source>;
    (void)detail::expect_source<source_type>();
    if constexpr (byte_source<source_type>) {
      static_assert(
          loadable_storage<Storage, source_type>,
          "the storage has no try_load(source, header) for this source: memory_file reads "
          "any source, and file maps a file_source");
      if constexpr (std::same_as<Options, open_options>)
        return load(source, options.read, options);
      else
        return load(source, options);
    } else {
      static_assert(std::same_as<Storage, owned_bytes>, "only memory_file reads a stream");
      return load_stream(detail::stream_ref(source), options);
    }
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
  /// Returns the elements of a tensor to be changed. The storage is owned_bytes, mapped_bytes in
  /// the mode copy_on_write, or your own with a member writable_bytes() that returns all bytes or
  /// none. The file on disk never changes. Valid while the file object exists, even after it is
  /// moved.
  /// Errors: tensor_not_found if there is none of this name; dtype_mismatch if Element is not the
  /// type of dtype(); read_only if the bytes may only be read; foreign_byte_order and
  /// misaligned_data as for tensor_view::try_as(). A tensor without elements reports only the first
  /// two errors.
  template <class Element> requires detail::writable_storage<Storage>
  result<std::span<Element>> try_writable_as(std::string_view name) &;
  void try_writable_as(std::nullptr_t) = delete;
  /// Returns the raw words of a tensor to be changed: BF16 as std::uint16_t. Everything else is as
  /// for try_writable_as(), with dtype_mismatch if dtype() has another width than Word.
  template <standard_unsigned Word> requires detail::writable_storage<Storage>
  result<std::span<Word>> try_writable_bits(std::string_view name) &;
  void try_writable_bits(std::nullptr_t) = delete;

  ///@{
  /// Asks the system to read a tensor, or these absolute bytes of the file, soon: see
  /// mapped_bytes::prefetch().
  void prefetch(byte_range bytes) const noexcept requires std::same_as<Storage, mapped_bytes> {
    if (state_ != nullptr) state_->storage.prefetch(bytes);
  }
  void prefetch(const tensor_info& tensor) const noexcept
      requires std::same_as<Storage, mapped_bytes> {
    prefetch(tensor.file_range());
  }
  ///@}
  ///@{
  /// Takes the pages of a tensor, or of these absolute bytes of the file, out of this process's
  /// memory: see mapped_bytes::drop().
  void drop(byte_range bytes) const noexcept requires std::same_as<Storage, mapped_bytes> {
    if (state_ != nullptr) state_->storage.drop(bytes);
  }
  void drop(const tensor_info& tensor) const noexcept requires std::same_as<Storage, mapped_bytes> {
    drop(tensor.file_range());
  }
  ///@}
  /// Returns the storage to you. All views of the file become invalid.
  [[nodiscard]] Storage release() && {
    return std::move(basic_file(std::move(*this)).state_->storage);
  }

#if SAFETENSORS_EXCEPTIONS
  /// Calls try_open() or the other `try_` twin, and throws safetensors::error if that fails.
  explicit basic_file(path_ref path, const read_options& options = {})
      requires loadable_storage<Storage, file_source>
      : basic_file(try_open(path, options).value()) {}
  template <std::same_as<open_options> Options = open_options>
  requires std::same_as<Storage, mapped_bytes>
  explicit basic_file(path_ref path, const Options& options)
      : basic_file(try_open(path, options).value()) {}
  template <class Source, detail::options_of<Storage> Options = read_options>
  [[nodiscard]] static basic_file read(Source&& source, const Options& options = {}) {
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
  template <class Element> requires detail::writable_storage<Storage>
  [[nodiscard]] std::span<Element> writable_as(std::string_view name) & {
    return try_writable_as<Element>(name).value();
  }
  template <standard_unsigned Word> requires detail::writable_storage<Storage>
  [[nodiscard]] std::span<Word> writable_bits(std::string_view name) & {
    return try_writable_bits<Word>(name).value();
  }
#endif

 private:
  struct state {
    safetensors::header index;
    Storage storage;
  };
  explicit basic_file(std::unique_ptr<state> made) noexcept
      : tensor_collection(
            detail::header_door::table(made->index),
            reinterpret_cast<const std::byte*>(std::data(std::as_const(made->storage))) +
                static_cast<std::size_t>(made->index.data_start())),
        state_(std::move(made)) {}
  static result<basic_file> assemble(safetensors::header index, Storage storage);
  // `loading` are the options of the storage, if it has any.
  template <class Source, class... Loading>
  static result<basic_file> load(Source& source, const read_options& options,
                                 const Loading&... loading);
  // Returns the elements of a tensor whose dtype was checked.
  template <class Element> result<std::span<Element>> try_writable(const tensor_view& tensor);
  static result<basic_file> load_stream(const detail::stream_ref& source,
                                        const read_options& options);
  std::unique_ptr<state> state_;
};

/// A mapped file: `safetensors::file model("model.safetensors");`
using file = basic_file<mapped_bytes>;
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

template <class Storage> template <class Source, class... Loading>
result<basic_file<Storage>> basic_file<Storage>::load(Source& source, const read_options& options,
                                                      const Loading&... loading) {
  result<safetensors::header> index = safetensors::header::try_read(source, options);
  if (!index) return std::move(index).error();
  result<Storage> storage = Storage::try_load(source, *index, loading...);
  result<basic_file> made = storage ? assemble(*std::move(index), *std::move(storage))
                                    : result<basic_file>(std::move(storage).error());
  if (made) return made;
  return detail::with_path(std::move(made).error(), detail::source_ref(source).path());
}

template <class Storage>
result<basic_file<Storage>> basic_file<Storage>::load_stream(const detail::stream_ref& source,
                                                             const read_options& options) {
  result<std::pair<safetensors::header, Storage>> read = Storage::load_stream(source, options);
  if (!read) return std::move(read).error();
  result<basic_file> made = assemble(std::move(read->first), std::move(read->second));
  if (made) return made;
  return detail::with_path(std::move(made).error(), source.path());
}

template <class Storage> template <class Element> requires detail::writable_storage<Storage>
result<std::span<Element>> basic_file<Storage>::try_writable_as(std::string_view name) & {
  const result<tensor_view> tensor = this->try_at(name);
  if (!tensor) return tensor.error();
  if (auto same = detail::expect_element<Element>(*tensor); !same) return std::move(same).error();
  return try_writable<Element>(*tensor);
}

template <class Storage> template <standard_unsigned Word>
requires detail::writable_storage<Storage>
result<std::span<Word>> basic_file<Storage>::try_writable_bits(std::string_view name) & {
  const result<tensor_view> tensor = this->try_at(name);
  if (!tensor) return tensor.error();
  if (auto same = detail::expect_width<Word>(*tensor); !same) return std::move(same).error();
  return try_writable<Word>(*tensor);
}

template <class Storage> template <class Element>
result<std::span<Element>> basic_file<Storage>::try_writable(const tensor_view& tensor) {
  if (tensor.byte_size() == 0) return std::span<Element>();
  const byte_range range = tensor.file_range();
  const std::span<std::byte> bytes = state_->storage.writable_bytes();
  if (bytes.size() < range.end) return detail::read_only_failure(tensor);
  std::byte* const first = bytes.data() + static_cast<std::size_t>(range.begin);
  if (auto usable = detail::expect_usable<Element>(tensor, first); !usable)
    return std::move(usable).error();
  return std::span<Element>(reinterpret_cast<Element*>(first),
                            static_cast<std::size_t>(range.size()) / sizeof(Element));
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
