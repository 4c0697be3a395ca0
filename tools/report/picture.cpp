// SPDX-License-Identifier: Apache-2.0
#include "tools/report/picture.h"

#include "data/codecs.h"

namespace peclr {

std::string base64(const std::vector<std::uint8_t>& bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](std::size_t k) { return i + k < bytes.size() ? bytes[i + k] : 0u; };
    const unsigned word = byte(0) << 16 | byte(1) << 8 | byte(2);
    for (int k = 0; k < 4; ++k)
      text += i + static_cast<std::size_t>(k) <= bytes.size() ? kDigits[word >> (18 - 6 * k) & 63]
                                                              : '=';
  }
  return text;
}

std::string data_uri(const Image& image) {
  constexpr int kSmall = 96 * 96, kQuality = 88;
  return image.width * image.height <= kSmall
             ? "data:image/png;base64," + base64(encode_png(image))
             : "data:image/jpeg;base64," + base64(encode_jpeg(image, kQuality));
}

Frame frame_of(const Image& image) {
  return {-0.5, -0.5, static_cast<double>(image.width), static_cast<double>(image.height)};
}

void write_picture(Html& html, const Image& image, const std::string& described, const Frame& frame,
                   const std::function<void()>& overlay) {
  const std::string box =
      fmt::format("{:.1f} {:.1f} {:.1f} {:.1f}", frame.x, frame.y, frame.width, frame.height);
  html.in("svg", {{"viewBox", box}, {"role", "img"}, {"aria-label", described}}, [&] {
    html.single("image", {{"href", data_uri(image)},
                          {"x", "-0.5"},
                          {"y", "-0.5"},
                          {"width", fmt::format("{}", image.width)},
                          {"height", fmt::format("{}", image.height)}});
    overlay();
  });
}

void write_picture(Html& html, const Image& image, const std::string& described) {
  html.single("img", {{"src", data_uri(image)}, {"alt", described}});
}

}  // namespace peclr
