// SPDX-License-Identifier: Apache-2.0
// Reading pictures: equal to OpenCV's reader, upright, and one clear line for everything hostile.
#include "data/image.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <string>

#include "data/codecs.h"
#include "data/exif.h"
#include "kernels/random.h"
#include "tests/support/files.h"
#include "tests/support/places.h"

using namespace peclr;
using test::Caught;
using test::caught;

namespace {

constexpr int kData = static_cast<int>(ErrorKind::data);

std::string fixture(const std::string& name) { return test::in_project("tests/pictures/" + name); }

Image decode(const std::string& bytes, const std::string& name = "x") {
  return decode_image({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, name);
}

bool same(const Image& a, const Image& b) {
  return a.width == b.width && a.height == b.height && a.pixels == b.pixels;
}

Image noise(int width, int height, std::uint64_t seed) {
  Image image(width, height);
  Rng random = Rng::of(seed);
  for (std::uint8_t& byte : image.pixels) byte = static_cast<std::uint8_t>(random.next());
  for (std::size_t i = 3; i < image.pixels.size(); i += 4) image.pixels[i] = 255;
  return image;
}

std::string as_string(const std::vector<std::uint8_t>& bytes) {
  return {bytes.begin(), bytes.end()};
}

// A refusal is Error(data), one line, and starts with the file's name.
bool refused(const Caught& error, std::string_view why = "") {
  return error.kind == kData && error.one_line() && error.text.starts_with("x: ") &&
         error.names(why);
}

std::string number(int value, int bytes, bool big_endian) {
  std::string text;
  for (int i = 0; i < bytes; ++i) {
    text += static_cast<char>(value >> 8 * (big_endian ? bytes - 1 - i : i));
  }
  return text;
}

// An APP1 segment as cameras write it: a maker's name, then the orientation.
std::string exif_segment(int orientation, bool big_endian) {
  auto u16 = [&](int v) { return number(v, 2, big_endian); };
  auto u32 = [&](int v) { return number(v, 4, big_endian); };
  std::string text = "Exif" + std::string(2, '\0') + (big_endian ? "MM" : "II") + u16(42) + u32(8);
  text += u16(2) + u16(0x010F) + u16(2) + u32(4) + std::string("abc\0", 4);
  text += u16(0x0112) + u16(3) + u32(1) + u16(orientation) + u16(0) + u32(0);
  return "\xFF\xE1" + number(static_cast<int>(text.size()) + 2, 2, true) + text;
}

// A PNG's chunk; its checksum bit by bit, as ISO 15948's annex D has it.
std::string png_chunk(const std::string& type, const std::string& data) {
  std::uint32_t crc = 0xFFFFFFFF;
  for (const char c : type + data) {
    crc ^= static_cast<std::uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0xEDB88320 : crc >> 1;
  }
  return number(static_cast<int>(data.size()), 4, true) + type + data +
         number(static_cast<int>(~crc), 4, true);
}

// Overwrites the size in a JPEG's (baseline or progressive) frame header.
std::string with_jpeg_size(std::string jpeg, int width, int height) {
  std::size_t at = jpeg.find("\xFF\xC0");
  if (at == std::string::npos) at = jpeg.find("\xFF\xC2");
  return jpeg.replace(at + 5, 4, number(height, 2, true) + number(width, 2, true));
}

std::string tga(int width, int height, const std::string& bgra) {
  std::string header("\0\0\2\0\0\0\0\0\0\0\0\0", 12);
  header += number(width, 2, false) + number(height, 2, false) + number(32, 1, false);
  return header + "\x28" + bgra;  // 8 bits of alpha, top row first
}

std::string bmp(int width, int height, const std::string& rows) {  // 24 bits, padded, bottom first
  auto u32 = [](int v) { return number(v, 4, false); };
  std::string text = "BM" + u32(54 + static_cast<int>(rows.size())) + u32(0) + u32(54) + u32(40);
  text += u32(width) + u32(height) + number(1, 2, false) + number(24, 2, false) + u32(0) + u32(0);
  return text + u32(0) + u32(0) + u32(0) + u32(0) + rows;
}

}  // namespace

TEST_CASE("JPEG pixels equal those of OpenCV's reader") {
  for (const std::string name : {"420", "422", "444", "grey", "progressive", "cmyk", "ycck"}) {
    INFO(name);
    const Image got = read_image(fixture(name + ".jpg"));
    Image want = read_image(fixture(name + ".png"));
    CHECK(got.width == 37);
    CHECK(got.height == 23);
    CHECK(same(got, want));
    want.at(36, 22)[1] ^= 1;  // a planted fault of one step in one channel
    CHECK_FALSE(same(got, want));
  }
}

TEST_CASE("EXIF orientation is obeyed") {
  // Quadrants Red Green / Blue White as stored, and where each orientation puts them.
  const char* upright_quadrants[] = {"RGBW", "GRWB", "WBGR", "BWRG",
                                     "RBGW", "BRWG", "WGBR", "GWRB"};
  Image stored(48, 32);
  for (int y = 0; y < 32; ++y) {
    for (int x = 0; x < 48; ++x) {
      const bool right = x >= 24, low = y >= 16;
      std::uint8_t* pixel = stored.at(x, y);
      pixel[0] = right == low ? 255 : 0;
      pixel[1] = right ? 255 : 0;
      pixel[2] = low ? 255 : 0;
      pixel[3] = 255;
    }
  }
  const std::string jpeg = as_string(encode_jpeg(stored, 95)), png = as_string(encode_png(stored));
  // As PNG has it: the TIFF part alone, behind the header or behind the pixels.
  const auto png_with = [&](int orientation, bool big_endian, bool first = true) {
    const std::string block = exif_segment(orientation, big_endian).substr(10);
    std::string tagged = png;
    return tagged.insert(first ? 33 : png.size() - 12, png_chunk("eXIf", block));
  };
  auto quadrant = [](const Image& image, int x, int y) {
    const std::uint8_t* p = image.at(x, y);
    const int bits = (p[0] > 128) * 4 + (p[1] > 128) * 2 + (p[2] > 128);
    return bits == 4 ? 'R' : bits == 2 ? 'G' : bits == 1 ? 'B' : bits == 7 ? 'W' : '?';
  };
  for (const bool big_endian : {false, true}) {
    for (int orientation = 1; orientation <= 8; ++orientation) {
      INFO(orientation);
      std::string tagged = jpeg;
      tagged.insert(2, exif_segment(orientation, big_endian));
      for (const std::string& file :
           {tagged, png_with(orientation, big_endian), png_with(orientation, big_endian, false)}) {
        const Image got = decode(file);
        REQUIRE(got.width == (orientation <= 4 ? 48 : 32));
        REQUIRE(got.height == (orientation <= 4 ? 32 : 48));
        const int x = got.width / 4, y = got.height / 4;
        const std::string order = {quadrant(got, x, y), quadrant(got, 3 * x, y),
                                   quadrant(got, x, 3 * y), quadrant(got, 3 * x, 3 * y)};
        CHECK(order == upright_quadrants[orientation - 1]);
      }
    }
  }
  for (const int nonsense : {0, 9, 65535}) {
    std::string tagged = jpeg;
    CHECK(same(decode(tagged.insert(2, exif_segment(nonsense, true))), decode(jpeg)));
    CHECK(same(decode(png_with(nonsense, true)), stored));
  }
  std::string damaged = png_with(3, true);
  damaged[damaged.find("eXIf") + 30] ^= 1;  // by its checksum; the picture is worth more
  CHECK(same(decode(damaged), stored));
}

TEST_CASE("every truncated or altered EXIF block is read without harm") {
  const std::string whole = exif_segment(6, false).substr(4);
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(whole.data());
  CHECK(exif_orientation({bytes, whole.size()}) == 6);
  std::vector<std::uint8_t> of_other_type(bytes, bytes + whole.size());
  const std::size_t tag = whole.find("\x12\x01\x03");
  REQUIRE(tag != std::string::npos);
  of_other_type[tag + 2] = 4;  // EXIF has it as a SHORT
  CHECK(exif_orientation(of_other_type) == 1);
  for (std::size_t n = 0; n < whole.size() - 6; ++n) {
    const std::vector<std::uint8_t> exact(bytes, bytes + n);  // so that a sanitiser sees its end
    CHECK(exif_orientation(exact) == 1);
  }
  Rng random = Rng::of(1);
  for (int round = 0; round < 20000; ++round) {
    std::vector<std::uint8_t> altered(bytes, bytes + whole.size());
    altered[6 + random.below(static_cast<std::uint32_t>(whole.size() - 6))] =
        static_cast<std::uint8_t>(random.next());
    const int orientation = exif_orientation(altered);
    REQUIRE((orientation >= 1 && orientation <= 8));
  }
}

TEST_CASE("other formats, grey and alpha") {
  const std::string bgra = "\x01\x02\x03\x04\x05\x06\x07\x08";
  const std::vector<std::uint8_t> alpha_ignored = {3, 2, 1, 255, 7, 6, 5, 255};
  CHECK(decode(tga(2, 1, bgra)).pixels == alpha_ignored);
  CHECK(decode(bmp(2, 1, std::string("\1\2\3\5\6\7\0\0", 8))).pixels == alpha_ignored);
  CHECK(decode("P6\n2 1\n255\n\x03\x02\x01\x07\x06\x05").pixels == alpha_ignored);
  CHECK(decode("P6 # two\n2 1\n# bits\n65535\n\x03\x03\x02\x02\x01\x01\x07\x07\x06\x06\x05\x05")
            .pixels == alpha_ignored);
  CHECK(decode("P5 1 2 255\n\x11\x22").pixels ==
        std::vector<std::uint8_t>{0x11, 0x11, 0x11, 255, 0x22, 0x22, 0x22, 255});
}

TEST_CASE("no truncated picture passes for a whole one") {
  const Image image = noise(13, 9, 2);
  const std::string pixels(4 * 13 * 9, '\x40');
  std::string ppm = "P6\n13 9\n255\n" + std::string(3 * 13 * 9, '\x40');
  for (const std::string& whole :
       {test::read_bytes(fixture("420.jpg")), test::read_bytes(fixture("progressive.jpg")),
        as_string(encode_png(image)), tga(13, 9, pixels), bmp(13, 9, std::string(40 * 9, '\x40')),
        ppm}) {
    REQUIRE_NOTHROW(decode(whole));
    int accepted = 0;
    for (std::size_t n = 0; n < whole.size(); ++n) {
      const Caught error = caught([&] { decode(whole.substr(0, n)); });
      accepted += !refused(error);
    }
    CHECK(accepted == 0);
  }
}

TEST_CASE("hostile and foreign files get one clear line") {
  const std::string jpeg = test::read_bytes(fixture("420.jpg"));
  CHECK(refused(caught([] { decode(""); }), "empty"));
  CHECK(refused(caught([] { decode("hello, this is no picture at all\n"); }), "not a picture"));
  CHECK(refused(caught([] { decode("<!DOCTYPE html><html></html>"); }), "not a picture"));
  CHECK(refused(caught([] { decode("GIF89a\1\0\1\0\0\0\0;"); }), "GIF"));
  CHECK(refused(caught([] { decode(std::string("RIFF\x24\0\0\0WEBPVP8 ", 16)); }), "WebP"));
  CHECK(refused(caught([] { decode(std::string(400, '\0')); }), "not a picture"));
  CHECK(refused(caught([&] { decode(jpeg.substr(0, 500)); }), "truncated or damaged JPEG"));
  CHECK(refused(caught([&] { decode(with_jpeg_size(jpeg, 30000, 30000)); }), "30000 x 30000"));
  CHECK(refused(caught([&] { decode(with_jpeg_size(jpeg, 9000, 9000)); }), "too large"));
  CHECK(refused(caught([&] { decode(with_jpeg_size(jpeg, 0, 16)); })));
  CHECK(refused(caught([&] { decode(with_jpeg_size(jpeg, 37, 40)); }), "truncated or damaged"));
  const std::string only_header = with_jpeg_size(jpeg, 30000, 30000);
  CHECK(refused(caught([&] { decode(only_header.substr(0, only_header.find("\xFF\xC4"))); }),
                "30000 x 30000"));
  CHECK(refused(caught([] { decode(test::read_bytes(fixture("many_scans.jpg"))); }), "scans"));
  CHECK(refused(caught([] { decode("P6 30000 30000 255\n"); }), "too large"));
  CHECK(refused(caught([] { decode(bmp(12000, 12000, "")); }), "too large"));
  std::string png = as_string(encode_png(noise(5, 5, 1)));
  png.replace(16, 8, number(16000, 4, true) + number(16000, 4, true));
  CHECK(refused(caught([&] { decode(png); }), "16000 x 16000"));
}

TEST_CASE("a PNG begins with its header, and what stands before it is no size") {
  const std::string png = as_string(encode_png(noise(5, 5, 1)));
  const auto before_header = [&](const std::string& chunk) {
    std::string changed = png;
    return changed.insert(8, chunk);
  };
  // Apple's, of 4 bytes and so that the size was looked for in the next chunk's name.
  const Caught apple =
      caught([&] { decode(before_header(png_chunk("CgBI", std::string("\x50\0\x20\6", 4)))); });
  INFO(apple.text);
  CHECK(refused(apple, "begins with 'CgBI', not with its size"));
  CHECK(refused(caught([&] { decode(before_header(png_chunk("tEXt", "a"))); }), "'tEXt'"));
  CHECK(refused(caught([&] { decode(before_header(png_chunk("IHDR", "short"))); }),
                "damaged PNG (its header has 5 bytes)"));
}

TEST_CASE("a PNG's chunk that is not known is named, whatever bytes its name is made of") {
  const std::string png = as_string(encode_png(noise(5, 5, 1)));
  const auto with_chunk = [&](const std::string& type) {
    std::string changed = png;
    return changed.insert(33, std::string(4, '\0') + type + std::string(4, '\0'));
  };
  const Caught error = caught([&] { decode(with_chunk("\x1b[2J")); });
  INFO(error.text);
  CHECK((refused(error, "chunk '\\x1B[2J'") && error.text.find('\x1b') == std::string::npos));
  CHECK(refused(caught([&] { decode(with_chunk("ABCD")); }), "chunk 'ABCD'"));
  CHECK_NOTHROW(decode(with_chunk("abCd")));  // one that pixels do not depend on
}

TEST_CASE("paths that are no readable file") {
  const test::TempFolder folder;
  auto refused_path = [&](const std::string& path, std::string_view why) {
    const Caught error = caught([&] { read_image(path); });
    return error.kind == kData && error.one_line() && error.names(why);
  };
  CHECK(refused_path(folder / "none.jpg", "none.jpg: "));
  CHECK(refused_path(folder.path().string(), "folder"));
  test::write_bytes(folder / "empty.jpg", "");
  CHECK(refused_path(folder / "empty.jpg", "empty.jpg: the file is empty"));
  test::write_bytes(folder / "text.jpg", "Dear diary,\ntoday");
  CHECK(refused_path(folder / "text.jpg", "text.jpg: not a picture"));
  REQUIRE(mkfifo((folder / "pipe.jpg").c_str(), 0600) == 0);
  CHECK(refused_path(folder / "pipe.jpg", "pipe.jpg"));  // and does not wait for a writer
  test::write_bytes(folder / "line\nbreak.jpg", "");
  CHECK(refused_path(folder / "line\nbreak.jpg", "break.jpg"));
}

TEST_CASE("damaged bytes neither crash nor leave pixels of another picture") {
  const std::string good = test::read_bytes(fixture("420.jpg"));
  const Image want = decode(good);
  Rng random = Rng::of(7);
  for (const std::string& whole :
       {good, test::read_bytes(fixture("progressive.jpg")), test::read_bytes(fixture("cmyk.jpg")),
        test::read_bytes(fixture("420.png")), tga(13, 9, std::string(4 * 13 * 9, '\x40'))}) {
    for (int round = 0; round < 400; ++round) {
      std::string damaged = whole;
      const auto size = static_cast<std::uint32_t>(damaged.size());
      for (std::uint32_t i = random.below(3) + 1; i > 0; --i) {
        damaged[random.below(size)] ^= static_cast<char>(1 << random.below(8));
      }
      if (round % 8 == 0) damaged.replace(random.below(size), 64, std::string(64, '\0'));
      const Caught error = caught([&] { decode(damaged); });
      REQUIRE((error.kind == 0 || refused(error)));
    }
  }
  CHECK(same(decode(good), want));
}

TEST_CASE("what is written is read again") {
  const test::TempFolder folder;
  const Image image = noise(31, 17, 3);
  write_png(folder / "a.png", image);
  CHECK(same(read_image(folder / "a.png"), image));

  Image smooth(64, 48);
  for (int y = 0; y < 48; ++y) {
    for (int x = 0; x < 64; ++x) {
      for (int c = 0; c < 3; ++c) {
        smooth.at(x, y)[c] =
            static_cast<std::uint8_t>(128 + 100 * std::sin(0.05 * (x + y * (c + 1))));
      }
      smooth.at(x, y)[3] = 255;
    }
  }
  write_jpeg(folder / "a.jpg", smooth, 95);
  const Image back = read_image(folder / "a.jpg");
  REQUIRE(back.pixels.size() == smooth.pixels.size());
  double squares = 0;
  for (std::size_t i = 0; i < back.pixels.size(); ++i) {
    squares += std::pow(double(back.pixels[i]) - smooth.pixels[i], 2);
  }
  CHECK(squares / double(back.pixels.size()) < 4);  // 42 dB

  for (const std::string& path : {folder / "no/such/folder.png", std::string("/dev/full")}) {
    const Caught error = caught([&] { write_png(path, image); });
    CHECK(error.kind == static_cast<int>(ErrorKind::failure));
    CHECK(error.names(path));
    CHECK(error.one_line());
  }
  CHECK(std::filesystem::exists("/dev/full"));
}

TEST_CASE("box reduction") {
  CHECK(reduction_for(3024, 4032, 256) == 11);
  CHECK(reduction_for(224, 224, 256) == 1);
  CHECK(reduction_for(512, 700, 256) == 2);
  CHECK(reduction_for(511, 700, 256) == 1);
  CHECK(reduction_for(100, 100, 0) == 1);
  for (const int factor : {1, 2, 3, 5, 16}) {
    const Image image = noise(37, 16, 11);
    const Image got = box_reduce(image, factor);
    REQUIRE(got.width == 37 / factor);
    REQUIRE(got.height == 16 / factor);
    double worst = 0;
    for (int y = 0; y < got.height; ++y) {
      for (int x = 0; x < got.width; ++x) {
        for (int c = 0; c < 4; ++c) {
          double mean = 0;
          for (int i = 0; i < factor * factor; ++i) {
            mean += image.at(x * factor + i % factor, y * factor + i / factor)[c];
          }
          worst = std::max(worst, std::abs(mean / (factor * factor) - got.at(x, y)[c]));
        }
      }
    }
    CHECK(worst <= 0.5);  // truncation instead of rounding would reach 0.9
  }
  CHECK(caught([] { box_reduce(Image(4, 4), 5); }).kind == static_cast<int>(ErrorKind::failure));
}

TEST_CASE("a copy of a picture as large as it is to be shown") {
  CHECK(zoom_to(Image(300, 200), 448) == 2.24f);
  CHECK(zoom_to(Image(2000, 1000), 250) == 0.25f);
  CHECK(zoom_to(Image(8192, 3), 288) == 0.5f);  // a line of pixels stays one
  Image image(3, 2);
  for (int i = 0; i < 24; ++i)
    image.pixels[std::size_t(i)] = static_cast<std::uint8_t>(10 * (i / 4));
  const Image twice = zoomed(image, 2), half = zoomed(Image(8192, 3), 0.01f);
  REQUIRE((twice.width == 6 && twice.height == 4));
  CHECK((half.width == 82 && half.height == 1));
  // Between pixels, a quarter of the way from one to the next; at the border, the border's.
  CHECK((twice.at(0, 0)[0] == 0 && twice.at(5, 3)[2] == 50));
  CHECK(twice.at(2, 0)[0] == 8);   // 7.5
  CHECK(twice.at(3, 1)[1] == 20);  // three quarters of 12.5 and one of 42.5
}
