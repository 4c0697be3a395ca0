// SPDX-License-Identifier: Apache-2.0
// What a Python pickle says, as plain data. Pickles are programs; this reader is no interpreter of
// them: it imports nothing, makes nothing and calls nothing, whatever stands there.
#pragma once
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace peclr {

struct PickleValue {
  enum class Kind {
    other,  // none, a fraction, a whole number beyond 64 bits: of no use here
    truth,
    whole,
    text,
    list,   // or a tuple: `items`
    dict,   // `items`: key, value, key, value, ...
    name,   // a global, "module\nname" in `text`
    call,   // what would be the result of a call: `items` are the function, a list of arguments,
            // and the state that is then set, if any
    stored  // a persistent id: `items` holds it
  };
  Kind kind = Kind::other;
  std::int64_t whole = 0;  // and truth: 0 or 1
  std::string_view text;   // lives as long as the bytes that were read and the Pickle
  std::vector<const PickleValue*> items;

  bool is_name(std::string_view global) const { return kind == Kind::name && text == global; }
  // The value of a text key of a dict (the last one, as Python has it); null if there is none.
  const PickleValue* at(std::string_view key) const;
};

// Values point to each other, also in circles: whoever walks over them bounds the depth.
struct Pickle {
  std::deque<PickleValue> values;
  std::deque<std::string> texts;  // those that stand in the bytes in another form
  const PickleValue* root = nullptr;
  std::size_t bytes = 0;  // that it takes up, to its STOP
};

// Reads one pickle from the start of `bytes`, which must outlive the result: protocols 0 to 4, but
// for objects of Python 2's old classes and persistent ids as protocol 0 has them.
// collections.OrderedDict becomes a dict; calls of other functions become `call` if may_be_called
// says yes. Throws Error(data), one line that begins with `name`: cut off, an opcode or a function
// that has no place in a file of numbers.
Pickle read_pickle(std::span<const std::byte> bytes, const std::string& name,
                   bool (*may_be_called)(std::string_view global));

}  // namespace peclr
