// SPDX-License-Identifier: Apache-2.0
#include "tools/trainer/picture_feed.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "engine/error.h"
#include "engine/say.h"
#include "tools/run/unread_pictures.h"

namespace peclr {
namespace {

std::size_t host_bytes(const Settings& settings) {
  return std::min(static_cast<std::size_t>(settings.data.cache_gb * 1e9), most_cache_bytes());
}

void tell_of_less(double cache_gb) {
  if (cache_gb * 1e9 > static_cast<double>(most_cache_bytes()))
    say("data.cache_gb={}: {:.1f} are used, half of the memory that this process may have\n",
        cache_gb, static_cast<double>(most_cache_bytes()) / 1e9);
}

Seen seen_of(Settings::Crop crop) {
  switch (crop) {
    case Settings::Crop::picture:
      return Seen::centre;
    case Settings::Crop::hand:
      return Seen::hand;
    case Settings::Crop::box:
      return Seen::box;
  }
  return Seen::centre;
}

}  // namespace

PictureKeeping keeping_of(const Settings& settings, Backend& backend) {
  using Cache = Settings::Cache;
  const Cache cache = settings.data.cache;
  const bool by_name = cache == Cache::gpu || cache == Cache::pinned;
  if (by_name && !backend.keep_pictures({}))
    fail(ErrorKind::usage,
         "data.cache={}: this run is not on a GPU, and reads pictures where they are; leave "
         "data.cache at auto",
         name_of(cache));
  constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();
  return {cache == Cache::gpu || cache == Cache::automatic ? kAll : 0,
          cache == Cache::pinned || cache == Cache::automatic ? host_bytes(settings) : 0};
}

PictureFeed::PictureFeed(const Settings& settings, Need need) {
  if (settings.data.train.empty())
    fail(ErrorKind::usage,
         "data.train is not set; give a folder of pictures, e.g. data.train=out/hands");
  std::vector<std::int64_t> sizes;
  std::vector<double> weights;
  bool held_out = settings.data.holdout == 0;
  for (const Settings::Source& source : settings.data.train) {
    PictureSet set = open_pictures(source.path, Split::training);
    tell_of_unread(set);
    if (settings.data.holdout > 0 && has_pixels(set.known)) {
      keep_part(set, settings.data.holdout, Part::learned);
      held_out = true;
    }
    if (need == Need::joints) {
      if (set.known == Known::pixels)
        fail(
            ErrorKind::data,
            "{}: fine-tuning needs joints in metres; of this set only pixels are known: use it for "
            "pre-training",
            source.path);
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
  if (!held_out)
    fail(ErrorKind::usage,
         "data.holdout: no folder of data.train has labels to hold out; leave it out");
  orders_ = std::make_unique<EpochOrders>(
      make_mixture(sizes, weights, static_cast<std::uint64_t>(settings.seed)));
  const bool keep = settings.data.cache != Settings::Cache::none;
  if (keep) tell_of_less(settings.data.cache_gb);
  // The reference's pixels are those of the picture on disk.
  const int target = settings.paper_exact ? 0 : 2 * settings.model.input;
  // Pre-training always crops around the joints it knows.
  seen_ = need == Need::pictures ? Seen::hand : seen_of(settings.data.crop);
  cache_ = std::make_unique<PictureCache>(
      sets_, PictureCacheOptions{target, seen_, keep ? host_bytes(settings) : 0});
  bad_ = std::make_unique<BadPictures>(std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0}),
                                       settings.data.max_bad);
}

std::vector<std::string> PictureFeed::sources() const {
  std::vector<std::string> lines;
  for (const PictureSet& set : sets_) {
    const bool joints = seen_ != Seen::centre && has_pixels(set.known);
    const char* around = !joints              ? "their centre squares"
                         : seen_ == Seen::box ? "the boxes of their joints"
                                              : "their joints";
    lines.push_back(
        fmt::format("{}: {} pictures, views of {}", set.root.string(), set.size(), around));
  }
  return lines;
}

PictureFeed::Item PictureFeed::item(std::int64_t epoch, std::int64_t position) {
  const EpochOrders::Order order = orders_->of(epoch);
  const UsedPicture used = read_or_next(*cache_, *bad_, *order, position);
  const PictureSet& set = sets_[static_cast<std::size_t>(used.id.source)];
  Item item{used.picture, used.id, set.path(used.id.index).string(), nullptr, {}};
  if (has_pixels(set.known)) {
    item.label = &set.label(used.id.index);
    item.K = reduced_camera(item.label->K, used.picture->factor);
  }
  return item;
}

std::string PictureFeed::kept_summary() const {
  const std::int64_t device = cache_->dropped(PictureHome::device),
                     pinned = cache_->dropped(PictureHome::pinned);
  if (device + pinned == 0) return {};
  return fmt::format("pictures: {} kept in the device's memory, {} in pinned memory, of {}\n",
                     device, pinned, pictures());
}

}  // namespace peclr
