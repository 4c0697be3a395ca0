// SPDX-License-Identifier: Apache-2.0
// Where tests find the project's files and programs: in a source tree, or in an archive that was
// unpacked anywhere (cmake/package.cmake).
#pragma once
#include <string>
#include <string_view>

namespace peclr::test {

// A file or folder by its path from the project's root, which is the nearest folder above this
// program that has tests/golden; for a build outside of the tree, the one it was built from.
std::string in_project(std::string_view path);

// A program that was built with this one.
std::string sibling_program(std::string_view name);

// A file or folder of the real data that stand beside some checkouts, by its path there: in
// $PECLR_SHARED, or in ../shared of the project. Empty where it is not there: the test returns, and
// this has said that it was skipped.
std::string in_shared(std::string_view path);

// Whether the root is a source tree. An archive has none of the sources: a test that reads them
// returns, and this has said that it was skipped.
bool has_sources();

}  // namespace peclr::test
