// SPDX-License-Identifier: Apache-2.0
// The size of picture that a command takes for weights: the setting's, else the file's own, else
// that of the network which the names in the file give away; and what is said of it.
#include "tools/model_files.h"

#include <catch2/catch.hpp>

#include "engine/safetensors.h"
#include "tests/support/files.h"
#include "tests/support/pth_writer.h"
#include "tests/support/refusals.h"

namespace peclr {
namespace {

using namespace test;

// A file whose one tensor has this name.
std::vector<StoredTensor> one_tensor(const std::string& name) {
  static const std::vector<float> zeros(128);
  return {{name, StoredType::f32, {128}, std::as_bytes(std::span(zeros))}};
}

int input_for(const std::string& weights, const Args& more = {}) {
  return settings_for_model(Command::predict, Args{"init_from=" + weights} + more).model.input;
}

TEST_CASE("model files: weights that do not say their input size get the likely one") {
  const TempFolder folder;
  const std::string plain = folder / "plain.pth", released = folder / "released.pth",
                    ours = folder / "ours.safetensors";
  write_bytes(plain, zip_pth(one_tensor("fc.bias")));
  write_bytes(released, zip_pth(one_tensor("zroot_ref.zroot_ref.0.bias")));
  write_safetensors(ours, one_tensor("zroot_ref.0.bias"), {{kInputKey, "96"}});
  CHECK(input_for(plain) == 128);
  CHECK(input_for(released) == 224);
  CHECK(input_for(ours) == 96);
  for (const std::string& weights : {plain, released, ours})
    CHECK(input_for(weights, {"model.input=64"}) == 64);
  write_bytes(released, zip_pth(one_tensor("zroot_ref.0.bias")));  // our own spelling
  CHECK(input_for(released) == 128);
}

TEST_CASE("model files: the size taken is said, once, where neither file nor setting has it") {
  const TempFolder folder;
  const std::string released = folder / "released.pth", ours = folder / "ours.safetensors";
  write_bytes(released, zip_pth(one_tensor("zroot_ref.zroot_ref.0.bias")));
  write_safetensors(ours, one_tensor("zroot_ref.0.bias"), {{kInputKey, "96"}});
  const auto told = [&](const std::string& weights, const Args& more) {
    const ProgramResult result =
        run_peclr(Args{"predict", "--init-from", weights, "data.eval=" + folder.path().string(),
                       "out=" + (folder / "out")} +
                  more);
    return result.says(weights +
                       ": does not say how large its pictures are; 224 px are taken, "
                       "model.input=N sets another size\n");
  };
  CHECK(told(released, {}));
  CHECK_FALSE(told(released, {"model.input=224"}));
  CHECK_FALSE(told(ours, {}));
}

}  // namespace
}  // namespace peclr
