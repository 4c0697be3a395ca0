// SPDX-License-Identifier: Apache-2.0
// PNG, BMP and TGA in, PNG out, by stb. The only file that includes it. Of stb 2.27 only the
// readers named here are compiled; a file that ends too early, which they would fill up with zeros
// or worse, is noticed by the source.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "data/codecs.h"
#include "engine/error.h"

namespace {

// Packed data may claim to unfold into anything; this is above what the largest picture needs.
constexpr std::size_t kMaxBlock = std::size_t{1} << 30;
void* limited_malloc(std::size_t size) { return size <= kMaxBlock ? std::malloc(size) : nullptr; }
void* limited_realloc(void* block, std::size_t size) {
  return size <= kMaxBlock ? std::realloc(block, size) : nullptr;
}

}  // namespace

#define STBI_MALLOC(size) limited_malloc(size)
#define STBI_REALLOC(block, size) limited_realloc(block, size)
#define STBI_FREE(block) std::free(block)
#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#define STBI_ONLY_TGA
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_MAX_DIMENSIONS 16384
#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_STATIC
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_WRITE_IMPLEMENTATION
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wshadow"
#include <stb/stb_image.h>
#include <stb/stb_image_write.h>
#pragma GCC diagnostic pop

static_assert(STBI_MAX_DIMENSIONS == peclr::kMaxSide);

namespace peclr {
namespace {

// stb fetches this many bytes ahead, and may get less at the end of a good file; every other
// request is in earnest.
constexpr std::size_t kReadAhead = sizeof(stbi__context::buffer_start);

// Bytes for stb's callbacks, and whether it needed more than there are.
struct Source {
  std::span<const std::uint8_t> bytes;
  std::size_t position = 0;
  bool ran_out = false;

  std::size_t advance(std::size_t wanted) {
    const std::size_t given = std::min(wanted, bytes.size() - position);
    position += given;
    return given;
  }
  static int read(void* self, char* out, int size) {
    auto* source = static_cast<Source*>(self);
    const auto wanted = static_cast<std::size_t>(size);
    const std::uint8_t* from = source->bytes.data() + source->position;
    const std::size_t given = source->advance(wanted);
    std::memcpy(out, from, given);
    std::memset(out + given, 0, wanted - given);
    if (given == 0 || (given < wanted && wanted != kReadAhead)) source->ran_out = true;
    return static_cast<int>(given);
  }
  static void skip(void* self, int size) {  // negative: back over what was read ahead
    auto* source = static_cast<Source*>(self);
    if (size < 0) {
      source->position -= std::min(source->position, static_cast<std::size_t>(-std::int64_t{size}));
    } else if (source->advance(static_cast<std::size_t>(size)) < static_cast<std::size_t>(size)) {
      source->ran_out = true;
    }
  }
  static int at_end(void* self) {
    const auto* source = static_cast<Source*>(self);
    return source->position >= source->bytes.size();
  }
};

constexpr stbi_io_callbacks kCallbacks = {Source::read, Source::skip, Source::at_end};

void append(void* out, void* bytes, int size) {
  auto* all = static_cast<std::vector<std::uint8_t>*>(out);
  const auto* begin = static_cast<const std::uint8_t*>(bytes);
  all->insert(all->end(), begin, begin + size);
}

}  // namespace

Image decode_stb(std::span<const std::uint8_t> bytes, const std::string& name) {
  int width = 0, height = 0, channels = 0;
  Source header{bytes};
  if (!stbi_info_from_callbacks(&kCallbacks, &header, &width, &height, &channels)) {
    fail(ErrorKind::data, "{}: truncated or damaged picture ({})", name, stbi_failure_reason());
  }
  check_picture_size(width, height, name);
  Source source{bytes};
  const std::unique_ptr<stbi_uc, void (*)(void*)> pixels(
      stbi_load_from_callbacks(&kCallbacks, &source, &width, &height, &channels, 4),
      stbi_image_free);
  if (!pixels) {
    fail(ErrorKind::data, "{}: truncated or damaged picture ({})", name, stbi_failure_reason());
  }
  if (source.ran_out) fail(ErrorKind::data, "{}: truncated picture", name);
  check_picture_size(width, height, name);
  Image image(width, height);
  std::memcpy(image.pixels.data(), pixels.get(), image.pixels.size());
  for (std::size_t i = 3; i < image.pixels.size(); i += 4) image.pixels[i] = 255;
  return image;
}

std::vector<std::uint8_t> encode_png(const Image& image) {
  // stb counts the bytes of a whole picture in an int.
  check(image.width > 0 && image.height > 0 && image.pixels.size() < std::size_t{1} << 31,
        "encode_png: a picture of {} x {} pixels", image.width, image.height);
  std::vector<std::uint8_t> rgb(image.pixels.size() / 4 * 3), bytes;
  for (std::size_t i = 0; i < rgb.size() / 3; ++i) {
    std::memcpy(&rgb[3 * i], &image.pixels[4 * i], 3);
  }
  const int done = stbi_write_png_to_func(append, &bytes, image.width, image.height, 3, rgb.data(),
                                          3 * image.width);
  check(done != 0, "encode_png: stb refused {} x {} pixels", image.width, image.height);
  return bytes;
}

}  // namespace peclr
