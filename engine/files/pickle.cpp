// SPDX-License-Identifier: Apache-2.0
#include "engine/files/pickle.h"

#include <algorithm>
#include <iterator>
#include <unordered_map>

#include "engine/error.h"
#include "engine/files/byte_reader.h"
#include "engine/files/pickle_text.h"
#include "engine/text.h"

namespace peclr {
namespace {

using Kind = PickleValue::Kind;

// ResNet-152 with all its state has some twenty thousand.
constexpr std::size_t kMaxValues = 1'000'000, kMaxItems = 4 * kMaxValues;
constexpr std::size_t kMaxGlobals = 1 << 20;  // bytes of names that are put together

// Opcodes that are not read, for the message (Python's pickletools.py).
constexpr std::pair<unsigned char, const char*> kUnread[] = {
    {'i', "INST"},        {'o', "OBJ"},          {'P', "PERSID"},
    {0x82, "EXT1"},       {0x83, "EXT2"},        {0x84, "EXT4"},
    {0x96, "BYTEARRAY8"}, {0x97, "NEXT_BUFFER"}, {0x98, "READONLY_BUFFER"}};

std::string name_of_opcode(unsigned char opcode) {
  const auto* found = std::find_if(std::begin(kUnread), std::end(kUnread),
                                   [&](auto& known) { return known.first == opcode; });
  return found == std::end(kUnread) ? fmt::format("0x{:02x}", opcode) : found->second;
}

std::string dotted(std::string_view global) {
  std::string text(global);
  std::replace(text.begin(), text.end(), '\n', '.');
  return text;
}

class Reader {
 public:
  Reader(std::span<const std::byte> bytes, const std::string& name,
         bool (*may_be_called)(std::string_view))
      : reader_(bytes), name_(name), may_be_called_(may_be_called) {}

  Pickle read() {
    while (step()) {
    }
    pickle_.root = pop();
    pickle_.bytes = reader_.at();
    return std::move(pickle_);
  }

 private:
  using Value = const PickleValue*;

  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> text, Args&&... args) const {
    fail(ErrorKind::data, "{}: its pickle {}", name_,
         fmt::format(text, std::forward<Args>(args)...));
  }
  [[noreturn]] void cut() const { refuse("is cut off; use another copy"); }
  [[noreturn]] void damaged() const {
    if (reader_.ran_out()) cut();
    refuse("is damaged near byte {}; use another copy", reader_.at());
  }

  PickleValue& make(Kind kind) {
    if (pickle_.values.size() >= kMaxValues)
      refuse("holds more than {} values; save its numbers alone", kMaxValues);
    PickleValue& value = pickle_.values.emplace_back();
    value.kind = kind;
    return value;
  }
  // Every item that goes into a list or dict; a few bytes can put a long list there again and
  // again.
  void count_items(std::size_t more) {
    items_ += more;
    if (items_ > kMaxItems) refuse("holds more than {} items; save its numbers alone", kMaxItems);
  }
  void push(Value value) {
    check_depth();
    stack_.push_back(const_cast<PickleValue*>(value));
  }
  void push_mark() {
    check_depth();
    marks_.push_back(stack_.size());
  }
  // A byte can put a value there again, or a mark.
  void check_depth() const {
    if (stack_.size() + marks_.size() >= kMaxItems) damaged();
  }
  PickleValue& push_new(Kind kind) {
    PickleValue& value = make(kind);
    push(&value);
    return value;
  }
  void push_whole(std::int64_t whole, Kind kind = Kind::whole) { push_new(kind).whole = whole; }
  void push_text(std::string_view text) { push_new(Kind::text).text = text; }
  // One that stands in the bytes in another form.
  void push_own_text(std::optional<std::string> text) {
    if (!text) damaged();
    push_text(std::string_view(pickle_.texts.emplace_back(std::move(*text))));
  }

  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  PickleValue& top() {
    if (stack_.size() <= floor()) damaged();
    return *stack_.back();
  }
  PickleValue* pop() {
    PickleValue* value = &top();
    stack_.pop_back();
    return value;
  }
  // What lies above the last mark.
  std::vector<Value> pop_to_mark() {
    if (marks_.empty()) damaged();
    std::vector<Value> items(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()),
                             stack_.end());
    count_items(items.size());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return items;
  }
  void push_tuple(std::size_t count) {
    count_items(count);
    std::vector<Value> items(count);
    for (std::size_t i = count; i-- > 0;) items[i] = pop();
    push_new(Kind::list).items = std::move(items);
  }

  void push_marked(Kind kind) {
    std::vector<Value> items = pop_to_mark();
    if (kind == Kind::dict && items.size() % 2 != 0) damaged();
    push_new(kind).items = std::move(items);
  }

  // Into a list or a dict; what is put into anything else (an object whose class is not known) is
  // dropped.
  void add(PickleValue& to, Kind kind, const std::vector<Value>& items) {
    if (kind == Kind::dict && items.size() % 2 != 0) damaged();
    count_items(items.size());
    if (to.kind == kind) to.items.insert(to.items.end(), items.begin(), items.end());
  }
  void add_one(Kind kind) {
    std::vector<Value> items{pop()};
    if (kind == Kind::dict) items.insert(items.begin(), pop());
    add(top(), kind, items);
  }
  void add_marked(Kind kind) {
    const std::vector<Value> items = pop_to_mark();
    add(top(), kind, items);
  }

  void put(std::uint32_t slot) {
    if (memo_.size() >= kMaxValues) damaged();
    memo_[slot] = &top();
  }
  void get(std::uint32_t slot) {
    const auto found = memo_.find(slot);
    if (found == memo_.end()) damaged();
    push(found->second);
  }

  std::uint32_t slot_line() {
    const std::optional<std::int64_t> slot = pickled_whole(reader_.line());
    if (!slot || *slot < 0 || *slot > UINT32_MAX) damaged();
    return static_cast<std::uint32_t>(*slot);
  }

  void push_name() {
    const std::string_view module = reader_.line(), name = reader_.line();
    // The two lines lie one behind the other.
    if (!reader_.ran_out())
      push_new(Kind::name).text = {module.data(), module.size() + 1 + name.size()};
  }
  void push_stacked_name() {
    const Value name = pop(), module = pop();
    if (name->kind != Kind::text || module->kind != Kind::text) damaged();
    globals_ += module->text.size() + 1 + name->text.size();
    if (globals_ > kMaxGlobals) damaged();
    push_new(Kind::name).text =
        pickle_.texts.emplace_back(fmt::format("{}\n{}", module->text, name->text));
  }
  // INT, in which protocol 0 has truth, too.
  void push_int_line() {
    const std::string_view line = reader_.line();
    if (line == "00" || line == "01") return push_whole(line == "01", Kind::truth);
    push_whole_line(line);
  }
  void push_whole_line(std::string_view line) {
    if (!is_pickled_whole(line)) damaged();
    if (const std::optional<std::int64_t> whole = pickled_whole(line))
      push_whole(*whole);
    else
      push_new(Kind::other);
  }
  void push_long(std::uint64_t size) {
    const auto bytes = reader_.take(size);
    if (bytes.size() > 8) {
      push_new(Kind::other);
      return;
    }
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 8; ++i) {
      const bool negative = !bytes.empty() && (bytes.back() & std::byte{0x80}) != std::byte{};
      const auto byte = i < bytes.size() ? bytes[i] : negative ? std::byte{0xFF} : std::byte{};
      value |= std::uint64_t{static_cast<unsigned char>(byte)} << (8 * i);
    }
    push_whole(static_cast<std::int64_t>(value));
  }

  void call() {
    const Value arguments = pop(), function = pop();
    if (arguments->kind != Kind::list) damaged();
    if (function->is_name("collections\nOrderedDict")) return push_ordered_dict(*arguments);
    if (function->kind != Kind::name || !may_be_called_(function->text))
      fail(ErrorKind::data,
           "{}: its pickle calls {}, which has no place in a file of numbers; it was not run, get "
           "the file elsewhere",
           name_, shown(function->kind == Kind::name ? dotted(function->text) : "a value"));
    push_call(function, arguments);
  }
  void push_call(Value function, Value arguments) {
    push_new(Kind::call).items = {function, arguments};
  }
  // Python 2 gives the items as a list of pairs.
  void push_ordered_dict(const PickleValue& arguments) {
    PickleValue& dict = push_new(Kind::dict);
    if (arguments.items.empty() || arguments.items[0]->kind != Kind::list) return;
    count_items(2 * arguments.items[0]->items.size());
    for (const Value pair : arguments.items[0]->items) {
      if (pair->kind != Kind::list || pair->items.size() != 2) continue;
      dict.items.insert(dict.items.end(), pair->items.begin(), pair->items.end());
    }
  }
  // An object of a class: never made. Classes of any name may stand in a file, beside the weights.
  void make_object() {
    const Value arguments = pop(), cls = pop();
    if (arguments->kind != Kind::list || cls->kind != Kind::name) damaged();
    if (cls->is_name("collections\nOrderedDict")) return push_ordered_dict(*arguments);
    push_call(cls, arguments);
  }

  void set_state() {
    const Value state = pop();
    PickleValue& object = top();
    if (object.kind != Kind::call) return;
    object.items.resize(2);
    object.items.push_back(state);
  }

  // One opcode; false at the end.
  bool step() {
    const auto opcode = reader_.number<unsigned char>();
    switch (opcode) {
      case 0x80:  // PROTO
        reader_.take(1);
        break;
      case 0x95:  // FRAME
        reader_.take(8);
        break;
      case '(':  // MARK
        push_mark();
        break;
      case 'N':  // NONE
        push_new(Kind::other);
        break;
      case 'G':  // BINFLOAT
        reader_.take(8);
        push_new(Kind::other);
        break;
      case 'F':  // FLOAT
        reader_.line();
        push_new(Kind::other);
        break;
      case 0x88:  // NEWTRUE
      case 0x89:  // NEWFALSE
        push_whole(opcode == 0x88, Kind::truth);
        break;
      case 'J':  // BININT
        push_whole(reader_.number<std::int32_t>());
        break;
      case 'K':  // BININT1
        push_whole(reader_.number<std::uint8_t>());
        break;
      case 'M':  // BININT2
        push_whole(reader_.number<std::uint16_t>());
        break;
      case 'I':  // INT
        push_int_line();
        break;
      case 'L':  // LONG
        push_whole_line(reader_.line());
        break;
      case 0x8a:  // LONG1
        push_long(reader_.number<std::uint8_t>());
        break;
      case 0x8b:  // LONG4
        push_long(reader_.number<std::uint32_t>());
        break;
      case 'S':  // STRING
        push_own_text(pickled_string(reader_.line()));
        break;
      case 'V':  // UNICODE
        push_own_text(pickled_unicode(reader_.line()));
        break;
      case 'X':  // BINUNICODE
      case 'T':  // BINSTRING
      case 'B':  // BINBYTES
        push_text(reader_.text(reader_.number<std::uint32_t>()));
        break;
      case 0x8d:  // BINUNICODE8
      case 0x8e:  // BINBYTES8
        push_text(reader_.text(reader_.number<std::uint64_t>()));
        break;
      case 'U':   // SHORT_BINSTRING
      case 'C':   // SHORT_BINBYTES
      case 0x8c:  // SHORT_BINUNICODE
        push_text(reader_.text(reader_.number<std::uint8_t>()));
        break;
      case ']':   // EMPTY_LIST
      case ')':   // EMPTY_TUPLE
      case 0x8f:  // EMPTY_SET
        push_new(Kind::list);
        break;
      case '}':  // EMPTY_DICT
        push_new(Kind::dict);
        break;
      case 't':   // TUPLE
      case 'l':   // LIST
      case 0x91:  // FROZENSET
        push_marked(Kind::list);
        break;
      case 'd':  // DICT
        push_marked(Kind::dict);
        break;
      case 0x85:  // TUPLE1
      case 0x86:  // TUPLE2
      case 0x87:  // TUPLE3
        push_tuple(opcode - 0x84u);
        break;
      case 'a':  // APPEND
        add_one(Kind::list);
        break;
      case 'e':   // APPENDS
      case 0x90:  // ADDITEMS
        add_marked(Kind::list);
        break;
      case 's':  // SETITEM
        add_one(Kind::dict);
        break;
      case 'u':  // SETITEMS
        add_marked(Kind::dict);
        break;
      case '0':  // POP
        if (stack_.size() > floor())
          pop();
        else
          pop_to_mark();
        break;
      case '1':  // POP_MARK
        pop_to_mark();
        break;
      case '2':  // DUP
        push(&top());
        break;
      case 'p':  // PUT
        put(slot_line());
        break;
      case 'g':  // GET
        get(slot_line());
        break;
      case 0x94:  // MEMOIZE
        put(static_cast<std::uint32_t>(memo_.size()));
        break;
      case 'q':  // BINPUT
        put(reader_.number<std::uint8_t>());
        break;
      case 'r':  // LONG_BINPUT
        put(reader_.number<std::uint32_t>());
        break;
      case 'h':  // BINGET
        get(reader_.number<std::uint8_t>());
        break;
      case 'j':  // LONG_BINGET
        get(reader_.number<std::uint32_t>());
        break;
      case 'c':  // GLOBAL
        push_name();
        break;
      case 0x93:  // STACK_GLOBAL
        push_stacked_name();
        break;
      case 'R':  // REDUCE
        call();
        break;
      case 0x92:  // NEWOBJ_EX, with arguments by name
        pop();
        make_object();
        break;
      case 0x81:  // NEWOBJ
        make_object();
        break;
      case 'b':  // BUILD
        set_state();
        break;
      case 'Q': {  // BINPERSID
        const Value id = pop();
        push_new(Kind::stored).items.push_back(id);
        break;
      }
      case '.':  // STOP
        if (reader_.ran_out()) cut();
        return false;
      default:
        if (reader_.ran_out()) cut();
        fail(ErrorKind::data,
             "{}: its pickle holds {}, which is not read here; save its values alone, by "
             "pickle protocol 2",
             name_, name_of_opcode(opcode));
    }
    if (reader_.ran_out()) cut();
    return true;
  }
  ByteReader reader_;
  const std::string& name_;
  bool (*may_be_called_)(std::string_view);
  Pickle pickle_;
  std::vector<PickleValue*> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<std::uint32_t, PickleValue*> memo_;
  std::size_t items_ = 0, globals_ = 0;
};

}  // namespace

const PickleValue* PickleValue::at(std::string_view key) const {
  if (kind != Kind::dict) return nullptr;
  for (std::size_t i = items.size(); i >= 2; i -= 2)
    if (items[i - 2]->kind == Kind::text && items[i - 2]->text == key) return items[i - 1];
  return nullptr;
}

Pickle read_pickle(std::span<const std::byte> bytes, const std::string& name,
                   bool (*may_be_called)(std::string_view global)) {
  return Reader(bytes, name, may_be_called).read();
}

}  // namespace peclr
