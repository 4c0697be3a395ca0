// SPDX-License-Identifier: Apache-2.0
#include "data/bad_pictures.h"

#include "engine/error.h"

namespace peclr {
namespace {

constexpr int kNamedInError = 3;  // an error is one line

}  // namespace

BadPictures::BadPictures(std::int64_t pictures, double max_share)
    : pictures_(pictures), max_share_(max_share) {
  check(pictures > 0 && max_share >= 0 && max_share <= 1, "BadPictures: {} pictures, share {}",
        pictures, max_share);
}

void BadPictures::add(PictureId id, const std::string& fault) {
  std::lock_guard lock(mutex_);
  faults_.emplace(id, fault);
  const auto bad = static_cast<std::int64_t>(faults_.size());
  if (bad < pictures_ && double(bad) <= max_share_ * double(pictures_)) return;
  std::string named;
  int shown = 0;
  for (const auto& [picture, text] : faults_) {
    if (shown++ == kNamedInError) break;
    named += (named.empty() ? "" : "; ") + text;
  }
  fail(ErrorKind::data,
       "{} of {} pictures cannot be read, more than data.max_bad = {} allows; mend or remove them, "
       "or raise it: {}{}",
       bad, pictures_, max_share_, named, bad > kNamedInError ? "; ..." : "");
}

bool BadPictures::contains(PictureId id) const {
  std::lock_guard lock(mutex_);
  return faults_.contains(id);
}

std::string BadPictures::fault(PictureId id) const {
  std::lock_guard lock(mutex_);
  const auto it = faults_.find(id);
  return it == faults_.end() ? "" : it->second;
}

std::int64_t BadPictures::count() const {
  std::lock_guard lock(mutex_);
  return static_cast<std::int64_t>(faults_.size());
}

std::string BadPictures::summary() const {
  std::lock_guard lock(mutex_);
  if (faults_.empty()) return {};
  std::string text = fmt::format("{} of {} pictures could not be read and were skipped:\n",
                                 faults_.size(), pictures_);
  int shown = 0;
  for (const auto& [picture, fault] : faults_) {
    if (shown++ == kNamed) return text + "  ...\n";
    text += "  " + fault + "\n";
  }
  return text;
}

}  // namespace peclr
