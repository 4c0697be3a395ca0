// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/simt/emulator/fault.h"
#include "tests/simt/ptx/machine.h"

namespace peclr::ptx {
namespace {

const char* folder() {
  static const char* const name = std::getenv("PECLR_PTX");
  return name;
}

Program read_folder() {
  if (!std::filesystem::is_directory(folder()))
    throw Unknown(std::string("PECLR_PTX: there is no folder ") + folder());
  Program program;
  for (const auto& entry : std::filesystem::directory_iterator(folder())) {
    if (entry.path().extension() != ".ptx") continue;
    std::ifstream file(entry.path());
    std::ostringstream text;
    text << file.rdbuf();
    if (!file) throw Unknown(entry.path().string() + " cannot be read");
    read_program(text.str(), entry.path().filename().string(), program);
  }
  return program;
}

}  // namespace

bool chosen() { return folder() != nullptr; }

void run(const simt::Launch& launch) {
  static const Program program = read_folder();
  const std::string type = demangled(launch.type);
  const auto found = program.find(type);
  if (found == program.end()) throw simt::Fault(folder() + (" has no kernel " + type));
  run(found->second, launch);
}

}  // namespace peclr::ptx
