// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//! The reference crate behind a C interface: whole loops are on this side of it. Bytes, names and
//! handles are the caller's, who keeps them valid.
use safetensors::tensor::Metadata;
use safetensors::SafeTensors;

#[repr(C)]
pub struct NameRef {
    data: *const u8,
    size: usize,
}

/// # Safety
/// Names are UTF-8.
unsafe fn text<'a>(name: &NameRef) -> &'a str {
    std::str::from_utf8_unchecked(std::slice::from_raw_parts(name.data, name.size))
}

/// Null if it is not valid.
///
/// # Safety
/// `bytes` are `size` bytes.
#[no_mangle]
pub unsafe extern "C" fn reference_read_metadata(bytes: *const u8, size: usize) -> *mut Metadata {
    match SafeTensors::read_metadata(std::slice::from_raw_parts(bytes, size)) {
        Ok((_, metadata)) => Box::into_raw(Box::new(metadata)),
        Err(_) => std::ptr::null_mut(),
    }
}

#[no_mangle]
pub extern "C" fn reference_size(metadata: &Metadata) -> usize {
    metadata.offset_keys().len()
}

/// Looks all names up by `Metadata::info`: the sum of the first bytes of what is there.
///
/// # Safety
/// `names` are `count` names.
#[no_mangle]
pub unsafe extern "C" fn reference_info(
    metadata: &Metadata,
    names: *const NameRef,
    count: usize,
) -> u64 {
    std::slice::from_raw_parts(names, count)
        .iter()
        .filter_map(|name| metadata.info(text(name)))
        .map(|info| info.data_offsets.0 as u64)
        .sum()
}

/// Goes through all tensors in data order: the sum of their bytes and of their names' bytes.
#[no_mangle]
pub extern "C" fn reference_in_order(metadata: &Metadata) -> u64 {
    metadata
        .offset_keys()
        .iter()
        .filter_map(|name| metadata.info(name).map(|info| (name, info)))
        .map(|(name, info)| (name.len() + info.data_offsets.1 - info.data_offsets.0) as u64)
        .sum()
}

/// # Safety
/// From `reference_read_metadata`, once.
#[no_mangle]
pub unsafe extern "C" fn reference_drop_metadata(metadata: *mut Metadata) {
    drop(Box::from_raw(metadata));
}

/// Null if it is not valid. Never given back.
///
/// # Safety
/// `bytes` are `size` bytes, for ever.
#[no_mangle]
pub unsafe extern "C" fn reference_deserialize(
    bytes: *const u8,
    size: usize,
) -> *mut SafeTensors<'static> {
    match SafeTensors::deserialize(std::slice::from_raw_parts(bytes, size)) {
        Ok(tensors) => Box::into_raw(Box::new(tensors)),
        Err(_) => std::ptr::null_mut(),
    }
}

/// Looks all names up by `SafeTensors::tensor`: the sum of the bytes of what is there.
///
/// # Safety
/// `names` are `count` names.
#[no_mangle]
pub unsafe extern "C" fn reference_tensor(
    tensors: &SafeTensors<'static>,
    names: *const NameRef,
    count: usize,
) -> u64 {
    std::slice::from_raw_parts(names, count)
        .iter()
        .filter_map(|name| tensors.tensor(text(name)).ok())
        .map(|tensor| tensor.data().len() as u64)
        .sum()
}

/// Goes through all tensors in its own order: the sum of their bytes and of their names' bytes.
#[no_mangle]
pub extern "C" fn reference_iter(tensors: &SafeTensors<'static>) -> u64 {
    tensors
        .iter()
        .map(|(name, tensor)| (name.len() + tensor.data().len()) as u64)
        .sum()
}
