// SPDX-License-Identifier: Apache-2.0
#include "engine/contrastive_ops.h"
#include "tools/golden/golden.h"

namespace peclr::golden {

// projection -> inversion -> NT-Xent and the gradient back to the projection, on the tape, as
// pre-training does it.
Results run_ntxent(const TensorFile& file, Backend& backend) {
  const std::vector<float> pairs = floats(file, "projection", {kAny, kAny});
  const auto& shape = file.at("projection").shape;
  const std::int64_t rows = shape[0], dim = shape[1];
  const auto angle = floats(file, "angle_deg", {rows}), shift = floats(file, "shift", {rows, 2}),
             scale = floats(file, "scale", {rows});
  std::vector<float> views;
  for (std::size_t r = 0; r < static_cast<std::size_t>(rows); ++r)
    views.insert(views.end(), {angle[r], shift[2 * r], shift[2 * r + 1], scale[r]});
  const std::string invert = "," + file.metadata_at("invert") + ",";
  const auto asked = [&](const char* what) { return invert.find(what) != std::string::npos; };
  const float temperature = std::stof(file.metadata_at("temperature"));

  Tape tape(Mode::train);
  const Variable projection = tape.input(Tensor::from_host(backend, {rows, dim}, pairs));
  const Variable z =
      ops::invert_views(tape, projection, Tensor::from_host(backend, {rows, 4}, views),
                        {asked(",translate,"), asked(",rotate,"), asked(",scale,")});
  const ops::NtxentLoss loss = ops::ntxent(tape, z, {.temperature = temperature});
  const std::vector<float> got_z = z.value.to_host(), got_loss = loss.loss.value.to_host();
  tape.backward(loss.loss);
  const double slack =
      temperature < 0.02f ? 10 : 1;  // cold: differences of exponents are magnified
  return {
      compare(file, "z", got_z, {Measure::rel_l2, 1e-5 * slack}),
      compare(file, "loss", got_loss, {Measure::rel_l2, 1e-5 * slack}),
      compare(file, "grad", tape.gradient(projection).to_host(), {Measure::rel_l2, 1e-4 * slack})};
}

}  // namespace peclr::golden
