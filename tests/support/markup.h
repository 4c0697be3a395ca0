// SPDX-License-Identifier: Apache-2.0
// A strict reader of HTML, for pages that are to be well-formed and to fetch nothing.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace peclr::test {

// One line for each fault: an element that is not closed, or closed in the wrong order; an
// attribute without quotes; a stray '<' or '&'; a script, an event's handler; anything that would
// be fetched (http:, src or href that is no data: URI, url(), @import).
std::vector<std::string> faults_of_page(std::string_view page);

// The texts of all elements <tag ...>text</tag> that hold nothing but text, entities resolved.
std::vector<std::string> texts_of(std::string_view page, std::string_view tag);

}  // namespace peclr::test
