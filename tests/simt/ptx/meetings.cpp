// SPDX-License-Identifier: Apache-2.0
// What the lanes of a warp do together. Layouts of matrices are the ISA's (ldmatrix;
// mma.m16n8k16 with bf16).
#include <fmt/format.h>

#include <bit>

#include "tests/simt/emulator/fault.h"
#include "tests/simt/ptx/operations.h"

namespace peclr::ptx {
namespace {

constexpr std::size_t kLanes = 32;

enum class Shuffle { idx, bfly };

// d|p = a of the lane that b and the clamp c name; where that is outside of the segment, its own.
template <Shuffle kHow>
void shuffle(Warp& w, const Instruction& i) {
  std::array<std::uint32_t, kLanes> brought{};
  for (std::size_t lane = 0; lane < kLanes; ++lane)
    if (w.lanes[lane]) brought[lane] = get<std::uint32_t>(*w.lanes[lane], i[2]);
  for (unsigned lane = 0; lane < kLanes; ++lane) {
    if (!w.lanes[lane]) continue;
    Thread& t = *w.lanes[lane];
    const unsigned b = get<std::uint32_t>(t, i[3]) & 31, c = get<std::uint32_t>(t, i[4]);
    const unsigned segment = c >> 8 & 31, first = lane & segment,
                   last = first | (c & 31 & ~segment);
    const unsigned wanted = kHow == Shuffle::idx ? first | (b & ~segment) : lane ^ b;
    const unsigned from = wanted <= last ? wanted : lane;
    if (!w.lanes[from])
      throw simt::Fault(fmt::format("line {}: a shuffle reads lane {}, which takes no part: {}",
                                    i.line, from, i.text));
    set(t, i[0], brought[from]);
    set<std::uint64_t>(t, i[1], wanted <= last);
  }
}

void ballot(Warp& w, const Instruction& i) {
  std::uint32_t votes = 0;
  for (std::size_t lane = 0; lane < kLanes; ++lane)
    if (w.lanes[lane] && get<bool>(*w.lanes[lane], i[1])) votes |= 1u << lane;
  for (Thread* t : w.lanes)
    if (t) set(*t, i[0], votes);
}

using Element = std::uint16_t;

// Four 8x8 matrices; lane 8 m + r brings the address of row r of matrix m.
template <bool kTransposed>
void load_matrices(Warp& w, const Instruction& i) {
  Element element[4][8][8];
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    Thread& t = *w.lanes[lane];
    std::memcpy(element[lane / 8][lane % 8],
                place(t, i, Access::Space::shared, address(t, i[4]), 16), 16);
  }
  for (std::size_t lane = 0; lane < kLanes; ++lane)
    for (int m = 0; m < 4; ++m) {
      const std::size_t row = lane / 4, column = lane % 4 * 2;
      const auto& e = element[m];
      const Element low = kTransposed ? e[column][row] : e[row][column],
                    high = kTransposed ? e[column + 1][row] : e[row][column + 1];
      set(*w.lanes[lane], i[m], std::uint32_t{high} << 16 | low);
    }
}

double half(std::uint32_t word, std::size_t which) {
  return std::bit_cast<float>(which ? word & 0xFFFF0000u : word << 16);
}

// D [16, 8] = A [16, 16] B [16, 8] + C [16, 8]; operands d4, a4, b2, c4.
void multiply(Warp& w, const Instruction& i) {
  double a[16][16], b[16][8];
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    const Thread& t = *w.lanes[lane];
    const std::size_t group = lane / 4, pair = lane % 4 * 2;
    for (std::size_t k = 0; k < 8; ++k) {
      const std::size_t row = group + (k / 2 % 2 ? 8 : 0), column = pair + k % 2 + (k >= 4 ? 8 : 0);
      a[row][column] = half(get<std::uint32_t>(t, i.operands[4 + k / 2]), k % 2);
    }
    for (std::size_t k = 0; k < 4; ++k)
      b[pair + k % 2 + (k >= 2 ? 8 : 0)][group] =
          half(get<std::uint32_t>(t, i.operands[8 + k / 2]), k % 2);
  }
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    Thread& t = *w.lanes[lane];
    for (std::size_t k = 0; k < 4; ++k) {
      const std::size_t row = lane / 4 + (k >= 2 ? 8 : 0), column = lane % 4 * 2 + k % 2;
      double sum = get<float>(t, i.operands[10 + k]);
      for (int m = 0; m < 16; ++m) sum += a[row][m] * b[m][column];
      set(t, i.operands[k], static_cast<float>(sum));
    }
  }
}

}  // namespace

void add_meetings(Table& t) {
  using Kind = Operation::Kind;
  // Those who come are said by the last operand; or it is aligned, which takes all lanes.
  const auto by_mask = [](Operation::OfWarp f, int operands) {
    return Operation{.kind = Kind::warp, .of_warp = f, .mask = operands - 1, .operands = operands};
  };
  const auto aligned = [](Operation::OfWarp f, int operands) {
    return Operation{.kind = Kind::warp, .of_warp = f, .operands = operands};
  };
  t["shfl.sync.idx.b32"] = by_mask(shuffle<Shuffle::idx>, 6);
  t["shfl.sync.bfly.b32"] = by_mask(shuffle<Shuffle::bfly>, 6);
  t["vote.sync.ballot.b32"] = by_mask(ballot, 3);
  t["bar.warp.sync"] = by_mask([](Warp&, const Instruction&) {}, 1);
  t["ldmatrix.sync.aligned.m8n8.x4.shared.b16"] = aligned(load_matrices<false>, 5);
  t["ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16"] = aligned(load_matrices<true>, 5);
  t["mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32"] = aligned(multiply, 14);
  t["bar.sync"] = {.kind = Kind::barrier, .operands = 1};
  t["bra"] = t["bra.uni"] = {.kind = Kind::branch};
  t["ret"] = t["exit"] = {.kind = Kind::exit};
  t["membar.gl"] = of_thread([](Thread&, const Instruction&) {}, 0);  // all memory is one here
}

}  // namespace peclr::ptx
