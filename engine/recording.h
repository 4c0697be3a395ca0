// SPDX-License-Identifier: Apache-2.0
// Work of a device that was asked for once and can be done again as a whole: Backend::record.
#pragma once

namespace peclr {

class Recording {
 public:
  Recording() = default;
  virtual ~Recording() = default;
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  virtual void replay() = 0;  // asks for all of it, in order; to be called by one thread at a time
};

}  // namespace peclr
