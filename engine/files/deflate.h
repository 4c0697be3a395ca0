// SPDX-License-Identifier: Apache-2.0
// What zip archives and PNG pictures share: checksums and packed bytes.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace peclr {

// CRC-32 as zip and PNG have it.
std::uint32_t crc32_of(std::span<const std::byte> bytes);

// Unfolds a raw deflate stream into `out`; false if it is damaged, or unfolds into more or fewer
// bytes, or either side has 4 GiB or more. No memory is taken for what the stream claims.
bool inflate_into(std::span<const std::byte> packed, std::span<std::byte> out);

}  // namespace peclr
