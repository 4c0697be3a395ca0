// SPDX-License-Identifier: Apache-2.0
#include <cxxabi.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
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
  const std::unique_ptr<char, void (*)(void*)> type(
      abi::__cxa_demangle(launch.type, nullptr, nullptr, nullptr), std::free);
  const auto found = program.find(type.get());
  if (found == program.end())
    throw simt::Fault(std::string(folder()) + " has no kernel " + type.get());
  run(found->second, launch);
}

}  // namespace peclr::ptx
