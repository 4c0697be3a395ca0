// SPDX-License-Identifier: Apache-2.0
#include "models/cholesky.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "engine/parallel.h"

namespace peclr {
namespace {

constexpr std::int64_t kStrip = 4;    // columns side by side: 4 x 4 sums stay in registers
constexpr std::int64_t kDepth = 128;  // rows a panel: two strips of it stay in the first cache
constexpr std::int64_t kBlock = 64;   // rows of Cholesky's factor at a time
// Columns up to which waking threads for a panel costs more than it saves, and the strips that a
// thread takes at a time beyond.
constexpr std::int64_t kAlone = 512, kGrain = 8;

// Two a register: what every x86-64 has. Wider ones would be split through memory there.
using Pair __attribute__((vector_size(2 * sizeof(double)))) = double;

// Up to kDepth rows, cut into strips of kStrip columns (the last filled up with zeros) that lie
// [strip, row, kStrip], so that products of columns read memory in order.
class Panel {
 public:
  explicit Panel(std::int64_t columns)
      : columns_(columns),
        strips_((columns + kStrip - 1) / kStrip),
        values_(static_cast<std::size_t>(strips_ * kDepth * kStrip)) {}

  // row(k) points at the `columns` values of row k, of any arithmetic type.
  template <class Row>
  void pack(std::int64_t rows, Row row) {
    rows_ = rows;
    parallel_for(strips_, grain(), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t k = 0; k < rows; ++k) {
        const auto* from = row(k);
        for (std::int64_t s = begin; s < end; ++s)
          for (std::int64_t c = 0; c < kStrip; ++c) {
            const std::int64_t column = s * kStrip + c;
            strip(s)[k * kStrip + c] = column < columns_ ? static_cast<double>(from[column]) : 0;
          }
      }
    });
  }

  // matrix (upper triangle, `stride` between rows) += sign * (the rows' outer products).
  void add_products(double* matrix, std::int64_t stride, double sign) {
    parallel_for(strips_, grain(), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t j = begin; j < strips_; ++j)
        for (std::int64_t i = begin; i < std::min(end, j + 1); ++i)
          add_tile(matrix, stride, sign, i, j);
    });
  }

 private:
  std::int64_t grain() const { return columns_ <= kAlone ? strips_ : kGrain; }
  double* strip(std::int64_t s) { return &values_[static_cast<std::size_t>(s * kDepth * kStrip)]; }

  void add_tile(double* matrix, std::int64_t stride, double sign, std::int64_t i, std::int64_t j) {
    const double *left = strip(i), *right = strip(j);
    Pair sums[kStrip][2] = {};
    for (std::int64_t k = 0; k < rows_; ++k, left += kStrip, right += kStrip) {
      Pair low, high;
      std::memcpy(&low, right, sizeof low);
      std::memcpy(&high, right + 2, sizeof high);
#pragma GCC unroll 4
      for (int r = 0; r < kStrip; ++r) {
        sums[r][0] += left[r] * low;
        sums[r][1] += left[r] * high;
      }
    }
    const std::int64_t across = std::min(kStrip, columns_ - j * kStrip);
    const std::int64_t down = std::min(kStrip, columns_ - i * kStrip);
    for (std::int64_t r = 0; r < down; ++r)
      for (std::int64_t c = 0; c < across; ++c)
        matrix[(i * kStrip + r) * stride + j * kStrip + c] += sign * sums[r][c / 2][c % 2];
  }

  std::int64_t columns_, strips_, rows_ = 0;
  std::vector<double> values_;
};

// The block on the diagonal, rows and columns first..end - 1. False if a pivot is not above
// `least`.
bool factor_diagonal(double* a, std::int64_t n, std::int64_t first, std::int64_t end,
                     double least) {
  for (std::int64_t k = first; k < end; ++k) {
    double* row = a + k * n;
    if (!(row[k] > least) || !std::isfinite(row[k])) return false;
    const double inverse = 1 / std::sqrt(row[k]);
    for (std::int64_t j = k; j < end; ++j) row[j] *= inverse;
    for (std::int64_t i = k + 1; i < end; ++i)
      for (std::int64_t j = i; j < end; ++j) a[i * n + j] -= row[i] * row[j];
  }
  return true;
}

// The same rows right of that block, by forward substitution.
void factor_right(double* a, std::int64_t n, std::int64_t first, std::int64_t end) {
  parallel_for(n - end, n <= kAlone ? kAlone : kBlock, [&](std::int64_t begin, std::int64_t until) {
    for (std::int64_t k = first; k < end; ++k) {
      double* row = a + k * n + end;
      for (std::int64_t m = first; m < k; ++m) {
        const double* above = a + m * n + end;
        const double weight = a[m * n + k];
        for (std::int64_t j = begin; j < until; ++j) row[j] -= weight * above[j];
      }
      const double inverse = 1 / a[k * n + k];
      for (std::int64_t j = begin; j < until; ++j) row[j] *= inverse;
    }
  });
}

}  // namespace

void add_outer_products(double* matrix, std::int64_t n, std::span<const float* const> rows) {
  Panel panel(n);
  const auto count = static_cast<std::int64_t>(rows.size());
  for (std::int64_t first = 0; first < count; first += kDepth) {
    panel.pack(std::min(kDepth, count - first),
               [&](std::int64_t k) { return rows[static_cast<std::size_t>(first + k)]; });
    panel.add_products(matrix, n, 1);
  }
}

bool factor_cholesky(double* matrix, std::int64_t n, double least) {
  for (std::int64_t first = 0; first < n; first += kBlock) {
    const std::int64_t end = std::min(n, first + kBlock);
    if (!factor_diagonal(matrix, n, first, end, least)) return false;
    if (end == n) break;
    factor_right(matrix, n, first, end);
    Panel panel(n - end);
    panel.pack(end - first, [&](std::int64_t k) { return matrix + (first + k) * n + end; });
    panel.add_products(matrix + end * n + end, n, -1);
  }
  return true;
}

void solve_cholesky(const double* u, std::int64_t n, double* b, std::int64_t columns) {
  auto scale = [&](std::int64_t k) {
    for (std::int64_t c = 0; c < columns; ++c) b[k * columns + c] /= u[k * n + k];
  };
  auto subtract = [&](std::int64_t from, std::int64_t k, double weight) {
    for (std::int64_t c = 0; c < columns; ++c) b[from * columns + c] -= weight * b[k * columns + c];
  };
  for (std::int64_t k = 0; k < n; ++k) {
    scale(k);
    for (std::int64_t i = k + 1; i < n; ++i) subtract(i, k, u[k * n + i]);
  }
  for (std::int64_t k = n; k-- > 0;) {
    for (std::int64_t i = k + 1; i < n; ++i) subtract(k, i, u[k * n + i]);
    scale(k);
  }
}

}  // namespace peclr
