// SPDX-License-Identifier: Apache-2.0
#include "tools/run/out_folder.h"

#include "engine/files/folder.h"

namespace peclr {
namespace {

const std::string& made(const std::string& path) {
  make_writable_folder(path);
  return path;
}

}  // namespace

OutFolder::OutFolder(const std::string& path, const CommandLine& line,
                     const RunRecorder::What& what)
    : lock(made(path)), record(path, line.command, line.words, what) {}

}  // namespace peclr
