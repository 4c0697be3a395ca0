// SPDX-License-Identifier: Apache-2.0
#include "tests/support/contrastive_reference.h"

#include <algorithm>
#include <cmath>

#include "kernels/random.h"

namespace peclr::test {
namespace {

using Complex = std::complex<double>;

Doubles row_of(const Doubles& x, std::int64_t row, std::int64_t dim) {
  return {x.begin() + row * dim, x.begin() + (row + 1) * dim};
}

double dot(const Doubles& a, const Doubles& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

Doubles normalised(Doubles x) {
  const double norm = std::sqrt(dot(x, x));
  for (double& value : x) value /= norm;
  return x;
}

// OpenCV's rotation by `angle`, with y down, multiplies x + iy by e^(-i angle); so its inverse is
// e^(i angle).
Complex inverse_turn(const ReferenceViews& in, std::int64_t row) {
  const ViewTransform& view = in.views[row];
  const double angle = in.what.rotate ? double(view.angle_deg) * std::acos(-1.0) / 180 : 0;
  return std::polar(1.0, angle) / (in.what.scale ? double(view.scale) : 1.0);
}

// The points of q from those of p.
Doubles undo(const ReferenceViews& in, std::int64_t row, const RowFrame& frame, const Doubles& p) {
  Complex moved = 0;
  if (in.what.translate)
    moved = {-double(in.views[row].shift_x) * frame.extent.real(),
             -double(in.views[row].shift_y) * frame.extent.imag()};
  const Complex centre = frame.mean + moved, turn = inverse_turn(in, row);
  Doubles q(p.size());
  for (std::size_t k = 0; k < p.size(); k += 2) {
    const Complex point = centre + turn * (Complex(p[k], p[k + 1]) + moved - centre);
    q[k] = point.real();
    q[k + 1] = point.imag();
  }
  return q;
}

// J^T g with J = d(x / |x|) / dx = (1 - y y^T) / |x|, element by element.
Doubles through_normalisation(const Doubles& x, const Doubles& g) {
  const double norm = std::sqrt(dot(x, x));
  const Doubles y = normalised(x);
  Doubles out(x.size(), 0.0);
  for (std::size_t i = 0; i < x.size(); ++i)
    for (std::size_t j = 0; j < x.size(); ++j)
      out[i] += ((i == j ? 1.0 : 0.0) - y[i] * y[j]) / norm * g[j];
  return out;
}

}  // namespace

std::vector<RowFrame> reference_frames(const ReferenceViews& in, const Doubles& projection) {
  std::vector<RowFrame> frames;
  for (std::int64_t i = 0; i < in.rows; ++i) {
    const Doubles p = normalised(row_of(projection, i, in.dim));
    Doubles x, y;
    for (std::int64_t k = 0; k < in.dim; k += 2) {
      x.push_back(p[k]);
      y.push_back(p[k + 1]);
    }
    const auto extent = [](const Doubles& v) {
      return *std::max_element(v.begin(), v.end()) - *std::min_element(v.begin(), v.end());
    };
    const auto mean = [](const Doubles& v) { return dot(v, Doubles(v.size(), 1.0)) / v.size(); };
    frames.push_back({{extent(x), extent(y)}, {mean(x), mean(y)}});
  }
  return frames;
}

Doubles reference_invert(const ReferenceViews& in, const std::vector<RowFrame>& frames,
                         const Doubles& projection) {
  Doubles z;
  for (std::int64_t i = 0; i < in.rows; ++i) {
    const Doubles row =
        normalised(undo(in, i, frames[i], normalised(row_of(projection, i, in.dim))));
    z.insert(z.end(), row.begin(), row.end());
  }
  return z;
}

Doubles reference_invert_backward(const ReferenceViews& in, const Doubles& projection,
                                  const Doubles& grad_z) {
  const std::vector<RowFrame> frames = reference_frames(in, projection);
  Doubles grad;
  for (std::int64_t i = 0; i < in.rows; ++i) {
    const Doubles x = row_of(projection, i, in.dim), p = normalised(x);
    Doubles g = through_normalisation(undo(in, i, frames[i], p), row_of(grad_z, i, in.dim));
    for (std::int64_t k = 0; k < in.dim; k += 2) {
      const Complex turned = std::conj(inverse_turn(in, i)) * Complex(g[k], g[k + 1]);
      g[k] = turned.real();
      g[k + 1] = turned.imag();
    }
    g = through_normalisation(x, g);
    grad.insert(grad.end(), g.begin(), g.end());
  }
  return grad;
}

std::vector<std::int64_t> standard_partners(std::int64_t rows) {
  std::vector<std::int64_t> partner;
  for (std::int64_t i = 0; i < rows; ++i) partner.push_back((i + rows / 2) % rows);
  return partner;
}

ReferenceLoss reference_ntxent(std::int64_t rows, std::int64_t dim, double temperature,
                               const Doubles& z, const std::vector<std::int64_t>& partner) {
  ReferenceLoss out;
  Doubles similarity(rows * rows);
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < rows; ++j)
      similarity[i * rows + j] = dot(row_of(z, i, dim), row_of(z, j, dim));

  // d loss / d (similarity / temperature), where an element and its mirror image count as two
  // variables.
  Doubles weight(rows * rows, 0.0);
  for (std::int64_t i = 0; i < rows; ++i) {
    const double* s = &similarity[i * rows];
    const double positive = s[partner[i]];
    double denominator =
        0;  // relative to the positive, so that neither vanishing nor huge losses lose digits
    double others = 0;
    bool nearest = true;
    for (std::int64_t j = 0; j < rows; ++j) {
      if (j == i) continue;
      denominator += std::exp((s[j] - positive) / temperature);
      if (j == partner[i]) continue;
      others += std::exp((s[j] - positive) / temperature);
      nearest = nearest && positive > s[j];
      out.negative_similarity += s[j] / double(rows * (rows - 2));
    }
    for (std::int64_t j = 0; j < rows; ++j)
      if (j != i)
        weight[i * rows + j] = j == partner[i]
                                   ? -others / denominator
                                   : std::exp((s[j] - positive) / temperature) / denominator;
    out.anchor.push_back(std::log1p(others));
    out.loss += out.anchor.back() / double(rows);
    out.positive_similarity += positive / double(rows);
    out.top1 += (nearest ? 1.0 : 0.0) / double(rows);
  }
  out.grad_z.assign(rows * dim, 0.0);
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < rows; ++j)
      for (std::int64_t d = 0; d < dim; ++d)
        out.grad_z[i * dim + d] += (weight[i * rows + j] + weight[j * rows + i]) * z[j * dim + d] /
                                   (temperature * double(rows));
  return out;
}

std::vector<float> random_rows(std::int64_t rows, std::int64_t dim, float apart, float common) {
  std::vector<float> z(rows * dim);
  Rng rng = Rng::of(11, rows, dim), shared = Rng::of(12, dim);
  std::vector<float> direction(dim);
  for (float& x : direction) x = shared.uniform(-1, 1);
  for (std::int64_t i = 0; i < rows; ++i) {
    double square = 0;
    for (std::int64_t d = 0; d < dim; ++d) {
      float& x = z[i * dim + d];
      x = rng.uniform(-1, 1);
      if (i >= rows / 2) x = z[(i - rows / 2) * dim + d] + apart * x;
      x += common * direction[d];
      square += double(x) * x;
    }
    for (std::int64_t d = 0; d < dim; ++d) z[i * dim + d] /= float(std::sqrt(square));
  }
  return z;
}

}  // namespace peclr::test
