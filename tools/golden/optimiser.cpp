// SPDX-License-Identifier: Apache-2.0
#include "engine/optimizer.h"

#include "engine/weight_layout.h"
#include "kernels/schedule.h"
#include "tools/golden/golden.h"

namespace peclr::golden {

// All steps of the file on its own small set of tensors, with gradients that the file's seed and
// the step decide.
Results run_optimiser(const TensorFile& file, Backend& backend) {
  const std::string& seed = file.metadata_at("seed");
  ParameterStore store;
  for (const StoredTensor& t : file.tensors()) {
    if (!t.name.starts_with("start.")) continue;
    const auto& s = t.shape;
    const std::size_t rank = s.size() == 4 || s.size() == 2 ? s.size() : 1;
    wanted(file, t.name, StoredType::f32, Sizes(rank, kAny));
    const Shape shape = rank == 4   ? Shape{s[0], s[2], s[3], s[1]}
                        : rank == 2 ? Shape{s[0], s[1]}
                                    : Shape{s[0]};
    store.add(t.name.substr(6), shape, Init::zero);
  }
  store.allocate(backend, 0);
  const auto in_memory = [](const Parameter& p, const std::vector<float>& values) {
    return p.shape.rank() == 4 ? ohwi_from_oihw(values, p.shape) : values;
  };
  for (Parameter& p : store.parameters())
    p.value.copy_from_host(in_memory(p, file.values<float>("start." + p.name)));

  Optimizer optimizer(store,
                      {file.metadata_at("lars") == "1" ? OptimizerKind::lars : OptimizerKind::adam,
                       std::stof(file.metadata_at("weight_decay"))});
  const std::int64_t steps = file.whole_at("steps", 1, 1'000'000);
  const Schedule schedule{std::stod(file.metadata_at("peak_lr")),
                          std::stoll(file.metadata_at("warmup_steps")), steps};
  std::vector<double> rates;
  for (std::int64_t step = 0; step < steps; ++step) {
    for (Parameter& p : store.parameters()) {
      const std::vector<double> u = uniform(seed, fmt::format("g/{}/{}", step, p.name),
                                            static_cast<std::size_t>(p.shape.count()));
      std::vector<float> g(u.size());
      for (std::size_t i = 0; i < u.size(); ++i)
        g[i] = static_cast<float>(0.1 * static_cast<double>(1 + step) * u[i]);
      p.grad.copy_from_host(in_memory(p, g));
    }
    rates.push_back(learning_rate(schedule, step));
    optimizer.update(rates.back(), step);
  }
  Results results;
  for (Parameter& p : store.parameters()) {
    const std::vector<float> got = p.value.to_host();
    results.push_back(compare(file, p.name,
                              p.shape.rank() == 4 ? oihw_from_ohwi(got, p.shape) : got,
                              {Measure::rel_l2, 1e-5}));
  }
  results.push_back(compare(file, "lr", rates, {Measure::rel_l2, 1e-5}));
  return results;
}

}  // namespace peclr::golden
