// SPDX-License-Identifier: Apache-2.0
// The least that each kernel's job costs on any machine: bytes to and from memory, each value once
// a pass that cannot be saved, and arithmetic. docs/kernels.md quotes this table.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace peclr::bench {

// What is measured.
struct Sizes {
  int pictures, source, view;      // two views of each picture, pixels a side
  int rows, many_rows, dim;        // of NT-Xent
  std::int64_t poses;              // for Procrustes
  int images;                      // a batch of feature maps
  int stem_side, stem_channels;    // the stem's map, which max pooling reads
  int block_side, block_channels;  // the map behind a block of the first stage
  int last_side, last_channels;    // what mean pooling reads
  std::int64_t parameters;         // of the arena
  int hands;                       // a batch of poses
};
// 2 x 2048 views, ResNet-50 at 128 pixels.
inline constexpr Sizes kFull{.pictures = 2048,
                             .source = 224,
                             .view = 128,
                             .rows = 4096,
                             .many_rows = 65536,
                             .dim = 128,
                             .poses = 1'000'000,
                             .images = 512,
                             .stem_side = 64,
                             .stem_channels = 64,
                             .block_side = 32,
                             .block_channels = 256,
                             .last_side = 4,
                             .last_channels = 2048,
                             .parameters = 24'623'680,
                             .hands = 4096};
// All kernels within seconds on the emulator; says nothing about speed.
inline constexpr Sizes kQuick{.pictures = 2,
                              .source = 40,
                              .view = 33,
                              .rows = 64,
                              .many_rows = 256,
                              .dim = 128,
                              .poses = 70,
                              .images = 2,
                              .stem_side = 8,
                              .stem_channels = 64,
                              .block_side = 4,
                              .block_channels = 64,
                              .last_side = 2,
                              .last_channels = 64,
                              .parameters = 9'000,
                              .hands = 9};

struct Work {
  double bytes = 0;
  double products = 0;    // operations that tensor cores do in bf16, a multiplication and a sum two
  double operations = 0;  // others, f32, that cannot be left out
};

struct Rates {
  double copy;        // bytes a second read and written by a copy in the card's memory
  double products;    // operations a second of a large product in bf16
  double operations;  // and in f32
};
// Of an H100 SXM, assumed where there is none.
inline constexpr Rates kAssumed{3.0e12, 800e12, 60e12};

double floor_seconds(const Work& work, const Rates& rates);

struct KernelFloor {
  std::string kernel, size;
  Work work;
};
std::vector<KernelFloor> floors(const Sizes& sizes);
// Throws Error(failure) for a kernel that the table does not have.
KernelFloor floor_of(const Sizes& sizes, std::string_view kernel);

// "| augment | 2 x 2048 views, 224 to 128 pixels, bf16 x 8 | 1485 | 10.5 | 495 |", megabytes,
// 1e9 operations of either kind, microseconds by `rates`.
std::string floor_line(const KernelFloor& floor, const Rates& rates);

}  // namespace peclr::bench
