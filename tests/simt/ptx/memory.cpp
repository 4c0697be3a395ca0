// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "tests/simt/emulator/fault.h"
#include "tests/simt/ptx/operations.h"
#include "tests/simt/ptx/traffic.h"

namespace peclr::ptx {

unsigned char* place(Thread& t, const Instruction& i, Access::Space space, std::uint64_t at,
                     std::size_t bytes) {
  const auto fault = [&](const char* what) {
    throw simt::Fault(fmt::format("line {}, thread {}: {} bytes at {:#x} {}: {}", i.line, t.index,
                                  bytes, at, what, i.text));
  };
  if (Traffic* const of_all = traffic()) of_all->note(t, i, space, at, bytes);
  if (at % bytes != 0) fault("are at no multiple of them");
  if (space == Access::Space::shared || space == Access::Space::param) {
    at &= 0xFFFFFFFFu;  // an address of 32 bits, which may have wrapped
    const bool shared = space == Access::Space::shared;
    const std::size_t size = shared ? t.shared_bytes : t.params_bytes;
    if (at > size || bytes > size - at)
      fault(shared ? "are outside of shared memory" : "are outside of the parameters");
    return (shared ? t.shared : const_cast<unsigned char*>(t.params)) + at;
  }
  if (at < 4096) fault("are nobody's");
  return reinterpret_cast<unsigned char*>(at);
}

namespace {

std::size_t whole(const Access& a) { return static_cast<std::size_t>(a.bytes * a.count); }

void load(Thread& t, const Instruction& i) {
  const Access& a = i.access;
  const unsigned char* from = place(t, i, a.space, address(t, i[a.count]), whole(a));
  for (int k = 0; k < a.count; ++k) {
    std::uint64_t value = 0;
    std::memcpy(&value, from + k * a.bytes, static_cast<std::size_t>(a.bytes));
    if (a.is_signed && a.bytes < 8 && value >> (8 * a.bytes - 1))
      value |= ~std::uint64_t{0} << (8 * a.bytes);  // the register may be wider
    set(t, i[k], value);
  }
}

void store(Thread& t, const Instruction& i) {
  const Access& a = i.access;
  unsigned char* to = place(t, i, a.space, address(t, i[0]), whole(a));
  for (int k = 0; k < a.count; ++k) {
    const std::uint64_t value = bits(t, i[1 + k]);
    std::memcpy(to + k * a.bytes, &value, static_cast<std::size_t>(a.bytes));
  }
}

// 0, 1, .., last, 0, .. (threads of a grid run one after another)
void atomic_increment(Thread& t, const Instruction& i) {
  unsigned char* const counter = place(t, i, Access::Space::global, address(t, i[1]), 4);
  std::uint32_t old;
  std::memcpy(&old, counter, sizeof old);
  const std::uint32_t next = old >= get<std::uint32_t>(t, i[2]) ? 0 : old + 1;
  std::memcpy(counter, &next, sizeof next);
  set(t, i[0], old);
}

// Parts of equal width beside each other in one register, the first in the lowest bits.
template <int kParts>
void pack(Thread& t, const Instruction& i) {
  std::uint64_t word = 0;
  const int width = i.access.bytes * 8 / kParts;
  for (int k = 0; k < kParts; ++k)
    word |= (bits(t, i[1 + k]) & ((1ull << width) - 1)) << (k * width);
  set(t, i[0], word);
}
template <int kParts>
void unpack(Thread& t, const Instruction& i) {
  const int width = i.access.bytes * 8 / kParts;
  const std::uint64_t word = bits(t, i[kParts]);
  for (int k = 0; k < kParts; ++k) set(t, i[k], word >> (k * width) & ((1ull << width) - 1));
}

// Undefined until it is waited for: NaN.
void copy_later(Thread& t, const Instruction& i) {
  const std::uint64_t to = address(t, i[0]);
  std::memset(place(t, i, Access::Space::shared, to, 16), 0xFF, 16);
  t.copies.back().push_back({to, place(t, i, Access::Space::global, address(t, i[1]), 16)});
}
void commit_copies(Thread& t, const Instruction&) { t.copies.emplace_back(); }
void wait_for_copies(Thread& t, const Instruction& i) {
  const auto flying = static_cast<std::size_t>(bits(t, i[0]));
  while (t.copies.size() > flying + 1) {
    for (const Copy& copy : t.copies.front()) std::memcpy(t.shared + copy.shared, copy.global, 16);
    t.copies.erase(t.copies.begin());
  }
}

bool take(std::string_view& text, std::string_view head) {
  if (!text.starts_with(head)) return false;
  text.remove_prefix(head.size());
  return true;
}

}  // namespace

void add_memory(Table& t) {
  t["atom.global.inc.u32"] = of_thread(atomic_increment, 3);
  t["cp.async.cg.shared.global"] = of_thread(copy_later, 3);
  t["cp.async.commit_group"] = of_thread(commit_copies, 0);
  t["cp.async.wait_group"] = of_thread(wait_for_copies, 1);
}

bool find_access(std::string_view opcode, const std::vector<int>& groups, Access& access,
                 Operation& operation) {
  using Space = Access::Space;
  std::string_view rest = opcode;
  const bool loads = take(rest, "ld"), stores = !loads && take(rest, "st"),
             moves = !loads && !stores && take(rest, "mov");
  if (!loads && !stores && !moves) return false;

  if (take(rest, ".global")) access.space = Space::global;
  if (take(rest, ".shared")) access.space = Space::shared;
  if (take(rest, ".param")) access.space = Space::param;
  if (!take(rest, ".nc")) take(rest, ".cs");
  access.count = take(rest, ".v2") ? 2 : take(rest, ".v4") ? 4 : 1;
  if (rest == ".pred") rest = ".b64";  // of mov: the whole register
  if (rest.size() < 3) return false;
  access.is_signed = rest[1] == 's';
  access.bytes = std::atoi(std::string(rest.substr(2)).c_str()) / 8;
  if (access.bytes == 0 || access.bytes > 8) return false;
  if (loads || stores) return operation = of_thread(loads ? load : store, 1 + access.count), true;
  if (groups.size() != 2) return false;
  const int to = groups[0], from = groups[1];
  if (to == 2 || to == 4)
    operation = of_thread(to == 2 ? unpack<2> : unpack<4>, to + 1);
  else if (from == 2 || from == 4)
    operation = of_thread(from == 2 ? pack<2> : pack<4>, 1 + from);
  else
    operation = of_thread([](Thread& t, const Instruction& i) { set(t, i[0], bits(t, i[1])); }, 2);
  return true;
}

}  // namespace peclr::ptx
