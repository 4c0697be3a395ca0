// SPDX-License-Identifier: Apache-2.0
// The pictures of a run: sources opened and mixed, decoded once and kept, bad ones skipped and
// counted.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "data/picture_cache.h"
#include "data/pictures.h"
#include "engine/backend.h"
#include "tools/settings/settings.h"

namespace peclr {

// What a run needs to know of its pictures.
enum class Need { pictures, joints };

// What a run's device may keep of its pictures: data.cache and data.cache_gb. Throws Error(usage)
// where a GPU's memory was asked for and the device is none.
PictureKeeping keeping_of(const Settings& settings, Backend& backend);

class PictureFeed {
 public:
  // Opens data.train (training split). Need::joints: labelled sources only, data.labels of their
  // labels. Throws Error(usage) if data.train is not set, Error(data) for what cannot be used.
  PictureFeed(const Settings& settings, Need need);

  std::int64_t pictures() const { return orders_->mixture().epoch_size; }  // an epoch

  std::string mark() const { return mark_of(sets_); }  // (data/pictures.h)

  // A line for each of data.train: its path, its pictures, and what views are drawn around.
  std::vector<std::string> sources() const;

  struct Item {
    std::shared_ptr<const Picture> picture;  // without pixels where a device keeps them
    PictureId id;
    std::string file;                  // for messages
    const HandLabel* label = nullptr;  // null where the joints are not known
    Mat3f K;                           // of the (reduced) picture, where there is a label
  };
  // The picture at a position of an epoch, or the next good one. Thread-safe.
  Item item(std::int64_t epoch, std::int64_t position);

  // The device keeps the item's pixels from now on.
  void hand_over(const Item& item, PictureHome home) {
    cache_->drop_pixels(item.id, *item.picture, home);
  }

  // A line that says how many the device kept, or nothing.
  std::string kept_summary() const;
  std::string bad_summary() const { return bad_->summary(); }

 private:
  std::vector<PictureSet> sets_;
  Seen seen_;
  std::unique_ptr<EpochOrders> orders_;
  std::unique_ptr<PictureCache> cache_;
  std::unique_ptr<BadPictures> bad_;
};

}  // namespace peclr
