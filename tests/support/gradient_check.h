// SPDX-License-Identifier: Apache-2.0
// A gradient against differences of the function itself, the one check that shares no derivation
// with the gradient.
#pragma once
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace peclr::test {

// df/dx[at], fourth order in the step.
double finite_difference(const std::function<double(const std::vector<double>&)>& f,
                         std::vector<double> x, std::size_t at, double step);

struct DifferenceOptions {
  double step = 1e-3;       // error ~ step^4, noise / step
  std::size_t samples = 0;  // elements looked at, spread evenly; 0: all
};

struct GradientReport {
  double worst = 0;    // largest difference; infinity if anything is not finite
  double scale = 0;    // largest gradient met, to compare `worst` with
  std::size_t at = 0;  // element of the largest difference
  std::size_t looked = 0;
  std::size_t kinks = 0;  // elements left out: the function bends within two steps

  double relative() const { return scale > 0 ? worst / scale : worst; }
  std::string text() const;
};

// df/dx at `x`, element by element, against `gradient`. An element where half the step gives
// another slope sits at a kink (ReLU, max, absolute value) and is left out and counted: callers
// check that few are.
GradientReport check_gradient(const std::function<double(const std::vector<double>&)>& f,
                              const std::vector<double>& x, const std::vector<double>& gradient,
                              const DifferenceOptions& options = {});

}  // namespace peclr::test
