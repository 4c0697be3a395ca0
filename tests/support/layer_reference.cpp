// SPDX-License-Identifier: Apache-2.0
#include "tests/support/layer_reference.h"

#include <cmath>
#include <cstddef>
#include <limits>

namespace peclr::test {
namespace {

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

// Calls visit(x, w, y) with the offsets of the channels that every product of the convolution
// joins.
template <class Visit>
void for_taps(const ConvCase& c, Visit visit) {
  for (std::int64_t n = 0; n < c.images; ++n)
    for (std::int64_t i = 0; i < c.out_height(); ++i)
      for (std::int64_t j = 0; j < c.out_width(); ++j)
        for (std::int64_t o = 0; o < c.out; ++o)
          for (std::int64_t p = 0; p < c.kernel; ++p)
            for (std::int64_t q = 0; q < c.kernel; ++q) {
              const std::int64_t r = i * c.stride + p - c.padding;
              const std::int64_t s = j * c.stride + q - c.padding;
              if (r < 0 || r >= c.height || s < 0 || s >= c.width) continue;
              visit(size(((n * c.height + r) * c.width + s) * c.in),
                    size(((o * c.kernel + p) * c.kernel + q) * c.in),
                    size(((n * c.out_height() + i) * c.out_width() + j) * c.out + o));
            }
}

// Calls visit(x, y) for every element of every window, in reading order.
template <class Visit>
void for_windows(const PoolCase& c, Visit visit) {
  for (std::int64_t n = 0; n < c.images; ++n)
    for (std::int64_t i = 0; i < c.out_height(); ++i)
      for (std::int64_t j = 0; j < c.out_width(); ++j)
        for (std::int64_t r = 2 * i - 1; r <= 2 * i + 1; ++r)
          for (std::int64_t s = 2 * j - 1; s <= 2 * j + 1; ++s) {
            if (r < 0 || r >= c.height || s < 0 || s >= c.width) continue;
            for (std::int64_t k = 0; k < c.channels; ++k)
              visit(size(((n * c.height + r) * c.width + s) * c.channels + k),
                    size(((n * c.out_height() + i) * c.out_width() + j) * c.channels + k));
          }
}

}  // namespace

Doubles reference_conv(const ConvCase& c, const Doubles& x, const Doubles& w) {
  Doubles y(size(c.images * c.out_height() * c.out_width() * c.out));
  const std::size_t in = size(c.in);
  for_taps(c, [&](std::size_t at_x, std::size_t at_w, std::size_t at_y) {
    double sum = 0;
    for (std::size_t k = 0; k < in; ++k) sum += x[at_x + k] * w[at_w + k];
    y[at_y] += sum;
  });
  return y;
}

ProductGradients reference_conv_backward(const ConvCase& c, const Doubles& x, const Doubles& w,
                                         const Doubles& dy) {
  ProductGradients d{Doubles(x.size()), Doubles(w.size())};
  const std::size_t in = size(c.in);
  for_taps(c, [&](std::size_t at_x, std::size_t at_w, std::size_t at_y) {
    for (std::size_t k = 0; k < in; ++k) {
      d.x[at_x + k] += dy[at_y] * w[at_w + k];
      d.w[at_w + k] += dy[at_y] * x[at_x + k];
    }
  });
  return d;
}

Doubles reference_linear(const LinearCase& c, const Doubles& x, const Doubles& w,
                         const Doubles& bias) {
  // A picture of one pixel under a 1x1 window.
  Doubles y = reference_conv({c.rows, 1, 1, c.in, c.out, 1}, x, w);
  for (std::size_t i = 0; i < y.size() && !bias.empty(); ++i) y[i] += bias[i % bias.size()];
  return y;
}

ProductGradients reference_linear_backward(const LinearCase& c, const Doubles& x, const Doubles& w,
                                           const Doubles& dy) {
  return reference_conv_backward({c.rows, 1, 1, c.in, c.out, 1}, x, w, dy);
}

Doubles column_sums(const Doubles& x, std::int64_t columns) {
  Doubles sums(size(columns));
  for (std::size_t i = 0; i < x.size(); ++i) sums[i % sums.size()] += x[i];
  return sums;
}

Moments batch_moments(const NormCase& c, const Doubles& x) {
  const double rows = static_cast<double>(c.rows);
  Moments m{column_sums(x, c.channels), Doubles(size(c.channels))};
  for (double& value : m.mean) value /= rows;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t k = i % m.mean.size();
    m.variance[k] += (x[i] - m.mean[k]) * (x[i] - m.mean[k]) / rows;
  }
  return m;
}

Doubles reference_norm_linear(const NormCase& c, const Moments& m, const NormAffine& a,
                              const Doubles& x, const Doubles& residual) {
  Doubles y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t k = i % size(c.channels);
    y[i] = a.gamma[k] * (x[i] - m.mean[k]) / std::sqrt(m.variance[k] + c.eps) + a.beta[k];
    if (!residual.empty()) y[i] += residual[i];
  }
  return y;
}

Doubles reference_leaky_relu(const Doubles& x, double slope) {
  Doubles y = x;
  for (double& value : y) value = value > 0 ? value : slope * value;
  return y;
}

Doubles reference_norm_act(const NormCase& c, const NormAffine& a, const Doubles& x,
                           const Doubles& residual) {
  return reference_leaky_relu(reference_norm_linear(c, batch_moments(c, x), a, x, residual),
                              c.slope);
}

// Ioffe & Szegedy 2015, section 3, step by step: through the normalised value, the variance and the
// mean.
NormGradientsOf reference_norm_act_backward(const NormCase& c, const NormAffine& a,
                                            const Doubles& x, const Doubles& residual,
                                            const Doubles& dy) {
  const Moments m = batch_moments(c, x);
  const Doubles before = reference_norm_linear(c, m, a, x, residual);
  const std::size_t channels = size(c.channels);
  const double rows = static_cast<double>(c.rows);
  NormGradientsOf d{Doubles(x.size()), Doubles(channels), Doubles(channels), Doubles(x.size())};
  Doubles d_variance(channels), d_mean(channels);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t k = i % channels;
    const double deviation = std::sqrt(m.variance[k] + c.eps), centred = x[i] - m.mean[k];
    const double g = dy[i] * (before[i] > 0 ? 1 : c.slope);
    d.residual[i] = g;
    d.beta[k] += g;
    d.gamma[k] += g * centred / deviation;
    d_variance[k] -= 0.5 * g * a.gamma[k] * centred / (deviation * deviation * deviation);
    d_mean[k] -= g * a.gamma[k] / deviation;
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t k = i % channels;
    d.x[i] = d.residual[i] * a.gamma[k] / std::sqrt(m.variance[k] + c.eps) +
             d_variance[k] * 2 * (x[i] - m.mean[k]) / rows + d_mean[k] / rows;
  }
  return d;
}

Doubles reference_max_pool(const PoolCase& c, const Doubles& x) {
  Doubles y(size(c.images * c.out_height() * c.out_width() * c.channels),
            -std::numeric_limits<double>::infinity());
  for_windows(c, [&](std::size_t at_x, std::size_t at_y) {
    if (x[at_x] > y[at_y]) y[at_y] = x[at_x];
  });
  return y;
}

Doubles reference_max_pool_backward(const PoolCase& c, const Doubles& x, const Doubles& dy) {
  const Doubles y = reference_max_pool(c, x);
  Doubles dx(x.size());
  std::vector<bool> given(y.size());
  for_windows(c, [&](std::size_t at_x, std::size_t at_y) {
    if (given[at_y] || x[at_x] != y[at_y]) return;
    dx[at_x] += dy[at_y];
    given[at_y] = true;
  });
  return dx;
}

Doubles reference_mean_pool(const PoolCase& c, const Doubles& x) {
  const std::size_t positions = size(c.height * c.width), channels = size(c.channels);
  Doubles y(size(c.images) * channels);
  for (std::size_t i = 0; i < x.size(); ++i)
    y[i / (positions * channels) * channels + i % channels] +=
        x[i] / static_cast<double>(positions);
  return y;
}

Doubles reference_mean_pool_backward(const PoolCase& c, const Doubles& dy) {
  const std::size_t positions = size(c.height * c.width), channels = size(c.channels);
  Doubles dx(size(c.images) * positions * channels);
  for (std::size_t i = 0; i < dx.size(); ++i)
    dx[i] =
        dy[i / (positions * channels) * channels + i % channels] / static_cast<double>(positions);
  return dx;
}

}  // namespace peclr::test
