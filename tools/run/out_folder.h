// SPDX-License-Identifier: Apache-2.0
// The folder that a command writes its results into, for all but trainings (run_folder.h).
#pragma once
#include <string>

#include "tools/command_line.h"
#include "tools/run/folder_lock.h"
#include "tools/run/run_record.h"

namespace peclr {

struct OutFolder {
  FolderLock lock;
  RunRecorder record;  // its end() is the caller's, once all is written

  // Makes the folder, locks it and begins the command's entry in its run.json. Throws
  // Error(failure) that names the folder: it cannot be written to, another command is at work in
  // it.
  OutFolder(const std::string& path, const CommandLine& line, const RunRecorder::What& what);
};

}  // namespace peclr
