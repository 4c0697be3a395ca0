// SPDX-License-Identifier: Apache-2.0
// The only file that includes zlib.
#include "engine/files/deflate.h"

#include <zlib.h>

#include <limits>

namespace peclr {
namespace {

struct Inflater {
  z_stream stream{};
  bool ready;

  Inflater() : ready(inflateInit2(&stream, -MAX_WBITS) == Z_OK) {}  // negative: no zlib header
  ~Inflater() {
    if (ready) inflateEnd(&stream);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
};

}  // namespace

std::uint32_t crc32_of(std::span<const std::byte> bytes) {
  return static_cast<std::uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

bool inflate_into(std::span<const std::byte> packed, std::span<std::byte> out) {
  constexpr std::size_t kMaxBytes = std::numeric_limits<uInt>::max();
  Inflater inflater;
  if (!inflater.ready || packed.size() > kMaxBytes || out.size() > kMaxBytes) return false;
  std::byte nothing{};  // zlib wants an address even for no bytes
  z_stream& z = inflater.stream;
  z.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(packed.data()));
  z.avail_in = static_cast<uInt>(packed.size());
  z.next_out = reinterpret_cast<Bytef*>(out.empty() ? &nothing : out.data());
  z.avail_out = static_cast<uInt>(out.size());
  return inflate(&z, Z_FINISH) == Z_STREAM_END && z.avail_in == 0 && z.avail_out == 0;
}

}  // namespace peclr
