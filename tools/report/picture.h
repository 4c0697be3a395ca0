// SPDX-License-Identifier: Apache-2.0
// Pictures inside the page.
#pragma once
#include <functional>

#include "data/image.h"
#include "tools/report/html.h"

namespace peclr {

// "data:image/png;base64,..." for small pictures, where JPEG's blocks would show, else a JPEG.
std::string data_uri(const Image& image);
std::string base64(const std::vector<std::uint8_t>& bytes);  // RFC 4648, padded

// What is seen of the plane, in pixel indices of a picture: pixel (0, 0) has its centre at (0, 0).
struct Frame {
  double x, y, width, height;
};
Frame frame_of(const Image& image);

// The picture with SVG drawn over it by `overlay`, in pixel indices of the picture.
void write_picture(Html& html, const Image& image, const std::string& described, const Frame& frame,
                   const std::function<void()>& overlay);
// The picture alone.
void write_picture(Html& html, const Image& image, const std::string& described);

}  // namespace peclr
