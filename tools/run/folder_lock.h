// SPDX-License-Identifier: Apache-2.0
// Two commands at work in one folder would mix their files: metrics, checkpoints, predictions, and
// run.json, which each writes as it read it when it began.
#pragma once
#include <string>

#include "engine/files/file.h"

namespace peclr {

// Holds FOLDER/run.lock as long as it lives; the file goes away with it. A process that was killed
// leaves the file, but not the lock.
class FolderLock {
 public:
  // Throws Error(failure) that names the folder, and the process that has it.
  explicit FolderLock(const std::string& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  std::string path_;
  Descriptor fd_;
};

}  // namespace peclr
