// SPDX-License-Identifier: Apache-2.0
// Pictures that a folder holds and nothing here reads.
#pragma once
#include "data/pictures.h"

namespace peclr {

// Tells on stderr how many there are beside those of a set without labels, e.g. a phone's HEIC. (A
// set with labels has its pictures by number.) Throws Error(data) as list_files() does.
void tell_of_unread(const PictureSet& set);

}  // namespace peclr
