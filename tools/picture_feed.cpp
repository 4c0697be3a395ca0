// SPDX-License-Identifier: Apache-2.0
#include "tools/picture_feed.h"

#include <algorithm>
#include <numeric>

#include "engine/error.h"

namespace peclr {

PictureFeed::PictureFeed(const Settings& settings, Need need) {
  if (settings.data.train.empty())
    fail(ErrorKind::usage,
         "data.train is not set; give a folder of pictures, e.g. data.train=out/hands");
  std::vector<std::int64_t> sizes;
  std::vector<double> weights;
  for (const Settings::Source& source : settings.data.train) {
    PictureSet set = open_pictures(source.path, Split::training);
    if (need == Need::joints) {
      if (set.known != Known::joints)
        fail(ErrorKind::data,
             "{}: fine-tuning needs labels: training_K.json, training_xyz.json and "
             "training_scale.json in FreiHAND's layout",
             source.path);
      keep_labels(set, settings.data.labels, static_cast<std::uint64_t>(settings.seed));
    }
    sizes.push_back(set.size());
    weights.push_back(source.weight);
    sets_.push_back(std::move(set));
  }
  orders_ = std::make_unique<EpochOrders>(
      make_mixture(sizes, weights, static_cast<std::uint64_t>(settings.seed)));
  const auto bytes = static_cast<std::size_t>(settings.data.cache_gb * 1e9);
  cache_ = std::make_unique<PictureCache>(
      sets_, PictureCacheOptions{2 * settings.model.input, std::min(bytes, default_cache_bytes())});
  bad_ = std::make_unique<BadPictures>(std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0}),
                                       settings.data.max_bad);
}

PictureFeed::Item PictureFeed::item(std::int64_t epoch, std::int64_t position) {
  const EpochOrders::Order order = orders_->of(epoch);
  const UsedPicture used = read_or_next(*cache_, *bad_, *order, position);
  const PictureSet& set = sets_[static_cast<std::size_t>(used.id.source)];
  Item item{used.picture, set.path(used.id.index).string(), nullptr, {}};
  if (set.known == Known::joints) {
    item.label = &set.label(used.id.index);
    item.K = reduced_camera(item.label->K, used.picture->factor);
  }
  return item;
}

}  // namespace peclr
