// SPDX-License-Identifier: Apache-2.0
// The pictures that could not be read. A few are skipped and named at the end; too many stop the
// run.
#pragma once
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "data/mixture.h"

namespace peclr {

// Thread-safe.
class BadPictures {
 public:
  // `pictures`: how many there are in all; `max_share` of them may be bad (data.max_bad), in [0,
  // 1].
  BadPictures(std::int64_t pictures, double max_share);

  // Notes `fault` (a message that names the file) once a picture. Throws Error(data) with the first
  // few faults when more than max_share of the pictures are bad, or all of them.
  void add(PictureId id, const std::string& fault);

  bool contains(PictureId id) const;
  std::string fault(PictureId id) const;  // empty if it is not bad
  std::int64_t count() const;

  // Empty if none is bad; otherwise "2 of 560 pictures could not be read and were skipped:", then a
  // fault a line in the order of the pictures, at most kNamed of them; all lines end with "\n".
  std::string summary() const;

  static constexpr int kNamed = 20;

 private:
  const std::int64_t pictures_;
  const double max_share_;
  mutable std::mutex mutex_;
  std::map<PictureId, std::string> faults_;
};

}  // namespace peclr
