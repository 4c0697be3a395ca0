// SPDX-License-Identifier: Apache-2.0
// JPEG by libjpeg-turbo, with the settings that libjpeg has by itself (the accurate integer DCT and
// smooth chroma upsampling), which are the ones OpenCV reads with: pixels are equal. The only file
// that includes libjpeg.
#include <csetjmp>
#include <cstdio>  // jpeglib.h needs it before
#include <cstdlib>
#include <utility>

#include <jpeglib.h>

#include <jerror.h>

#include "data/codecs.h"
#include "data/exif.h"
#include "engine/error.h"

namespace peclr {
namespace {

// A progressive file may hold any number of scans over the whole picture; honest ones have about
// ten.
constexpr int kMaxScans = 100;

// libjpeg reports an error by calling back; the callback must not return, so it jumps to attempt()
// below.
struct Fault {
  jpeg_error_mgr base;  // first, so that the library's pointer to it is a pointer to this
  std::jmp_buf jump;
  char text[JMSG_LENGTH_MAX];
};

[[noreturn]] void give_up(j_common_ptr jpeg) {
  auto* fault = reinterpret_cast<Fault*>(jpeg->err);
  fault->base.format_message(jpeg, fault->text);
  std::longjmp(fault->jump, 1);
}

// Level -1 is a warning: the library goes on with grey or shifted pixels. Only remarks on colour
// tags are harmless.
void on_message(j_common_ptr jpeg, int level) {
  const int code = jpeg->err->msg_code;
  if (level < 0 && code != JWRN_ADOBE_XFORM && code != JWRN_JFIF_MAJOR) give_up(jpeg);
}

void on_progress(j_common_ptr jpeg) {
  if (!jpeg->is_decompressor) return;
  if (reinterpret_cast<j_decompress_ptr>(jpeg)->input_scan_number <= kMaxScans) return;
  auto* fault = reinterpret_cast<Fault*>(jpeg->err);
  std::snprintf(fault->text, sizeof fault->text, "more than %d scans", kMaxScans);
  std::longjmp(fault->jump, 1);
}

jpeg_error_mgr* prepare(Fault& fault) {
  jpeg_error_mgr* errors = jpeg_std_error(&fault.base);
  errors->error_exit = give_up;
  errors->emit_message = on_message;
  errors->output_message = [](j_common_ptr) {};
  return errors;
}

// Runs `calls`, which must own nothing that has a destructor; false if libjpeg gave up, with the
// reason in fault.text.
template <class Calls>
bool attempt(Fault& fault, Calls calls) {
  if (setjmp(fault.jump)) return false;
  calls();
  return true;
}

struct Decompressor {
  jpeg_decompress_struct jpeg{};
  jpeg_progress_mgr progress{};
  ~Decompressor() { jpeg_destroy_decompress(&jpeg); }
};

struct Compressor {
  jpeg_compress_struct jpeg{};
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  ~Compressor() {
    jpeg_destroy_compress(&jpeg);
    std::free(bytes);
  }
};

// Adobe's inverted CMYK to RGB, in the 8-bit arithmetic of OpenCV's reader.
void cmyk_to_rgb(Image& image) {
  for (std::size_t i = 0; i < image.pixels.size(); i += 4) {
    std::uint8_t* pixel = &image.pixels[i];
    const int k = pixel[3];
    for (int c = 0; c < 3; ++c) {
      pixel[c] = static_cast<std::uint8_t>(k - (((255 - pixel[c]) * k) >> 8));
    }
    pixel[3] = 255;
  }
}

int orientation_of(const jpeg_decompress_struct& jpeg) {
  for (const jpeg_marker_struct* marker = jpeg.marker_list; marker; marker = marker->next) {
    const int orientation = exif_orientation({marker->data, marker->data_length});
    if (orientation != 1) return orientation;
  }
  return 1;
}

}  // namespace

Image decode_jpeg(std::span<const std::uint8_t> bytes, const std::string& name) {
  Fault fault;
  Decompressor reader;
  jpeg_decompress_struct& jpeg = reader.jpeg;
  jpeg.err = prepare(fault);
  reader.progress.progress_monitor = on_progress;
  const bool header = attempt(fault, [&] {
    jpeg_create_decompress(&jpeg);
    jpeg.progress = &reader.progress;
    jpeg_mem_src(&jpeg, bytes.data(), bytes.size());
    jpeg_save_markers(&jpeg, JPEG_APP0 + 1, 0xFFFF);
    jpeg_read_header(&jpeg, TRUE);
  });
  // A file that is only a header is refused for its size, if that is what is wrong with it.
  if (header || (jpeg.image_width > 0 && jpeg.image_height > 0)) {
    check_picture_size(jpeg.image_width, jpeg.image_height, name);
  }
  if (!header) fail(ErrorKind::data, "{}: truncated or damaged JPEG ({})", name, fault.text);

  const int orientation = orientation_of(jpeg);  // now: finishing frees the markers
  const bool cmyk = jpeg.num_components == 4;
  jpeg.out_color_space = cmyk ? JCS_CMYK : JCS_EXT_RGBA;
  Image image(static_cast<int>(jpeg.image_width), static_cast<int>(jpeg.image_height));
  const bool pixels = attempt(fault, [&] {
    jpeg_start_decompress(&jpeg);
    while (jpeg.output_scanline < jpeg.output_height) {
      JSAMPROW row = image.at(0, static_cast<int>(jpeg.output_scanline));
      jpeg_read_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_decompress(&jpeg);  // reads to the end of the file's last scan, or warns
  });
  if (!pixels) fail(ErrorKind::data, "{}: truncated or damaged JPEG ({})", name, fault.text);
  if (cmyk) cmyk_to_rgb(image);
  return upright(std::move(image), orientation);
}

std::vector<std::uint8_t> encode_jpeg(const Image& image, int quality) {
  check(image.width > 0 && image.height > 0, "encode_jpeg: a picture of {} x {} pixels",
        image.width, image.height);
  Fault fault;
  Compressor writer;
  jpeg_compress_struct& jpeg = writer.jpeg;
  jpeg.err = prepare(fault);
  const bool done = attempt(fault, [&] {
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &writer.bytes, &writer.size);
    jpeg.image_width = static_cast<JDIMENSION>(image.width);
    jpeg.image_height = static_cast<JDIMENSION>(image.height);
    jpeg.input_components = 4;
    jpeg.in_color_space = JCS_EXT_RGBX;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, quality, TRUE);
    jpeg_start_compress(&jpeg, TRUE);
    while (jpeg.next_scanline < jpeg.image_height) {
      JSAMPROW row = const_cast<JSAMPROW>(image.at(0, static_cast<int>(jpeg.next_scanline)));
      jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
  });
  if (!done) fail(ErrorKind::failure, "encode_jpeg: {}", fault.text);
  return {writer.bytes, writer.bytes + writer.size};
}

}  // namespace peclr
