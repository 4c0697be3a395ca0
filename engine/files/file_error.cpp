// SPDX-License-Identifier: Apache-2.0
#include "engine/files/file_error.h"

#include <cerrno>
#include <system_error>

#include "engine/text.h"

namespace peclr {
namespace {

// The machine's lack, whoever wants the file for what; null otherwise.
const char* advice_on_lack(int error_number) {
  switch (error_number) {
    case EMFILE:
      return "raise the limit on open files (ulimit -n)";
    case ENFILE:
      return "the whole machine has too many files open: close other programs";
    case ENOMEM:
      return "memory is used up: close other programs";
    default:
      return nullptr;
  }
}

const char* advice_on_reading(int error_number) {
  switch (error_number) {
    case EACCES:
    case EPERM:
      return "give yourself the right to read it (chmod u+r, and u+x for its folders)";
    case ELOOP:
      return "its links lead in a circle: mend them";
    case EIO:
      return "the disk may be failing: use another copy";
    case ENAMETOOLONG:
      return "shorten the name";
    default:
      return "check the path";
  }
}

const char* advice_on_writing(int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
      return "free some space or choose another folder";
    case EFBIG:
      return "raise the limit on file sizes (ulimit -f)";
    case EACCES:
    case EPERM:
      return "make the folder writable or choose another one";
    case EROFS:
      return "choose a folder that can be written to";
    case ENOENT:
      return "create the folder first or choose another one";
    case EISDIR:
    case ENOTDIR:
    case ENOTEMPTY:
    case EEXIST:
    case ELOOP:
    case ENXIO:
      return "something else has this name: move it away or choose another folder";
    case EIO:
      return "the disk may be failing: choose another one";
    default:
      return "choose another folder";
  }
}

// "No such file or directory".
std::string system_message(int error_number) {
  return std::generic_category().message(error_number);
}

}  // namespace

void fail_reading(const std::string& path, const char* what, int error_number, ErrorKind kind) {
  const char* lack = advice_on_lack(error_number);
  fail(lack ? ErrorKind::failure : kind, "{}: {}: {}; {}", printable(path), what,
       system_message(error_number), lack ? lack : advice_on_reading(error_number));
}

void fail_writing(const std::string& path, const char* what, int error_number) {
  const char* lack = advice_on_lack(error_number);
  fail(ErrorKind::failure, "{}: {}: {}; {}", printable(path), what, system_message(error_number),
       lack ? lack : advice_on_writing(error_number));
}

}  // namespace peclr
