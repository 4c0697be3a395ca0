// SPDX-License-Identifier: Apache-2.0
#include <cxxabi.h>
#include <fmt/format.h>

#include <cctype>
#include <charconv>
#include <cstdlib>
#include <memory>

#include "tests/simt/ptx/program.h"

namespace peclr::ptx {
namespace {

[[noreturn]] void fail(const std::string& file, int line, std::string_view what,
                       std::string_view text) {
  throw Unknown(fmt::format("{}:{}: {}: {}", file, line, what, text));
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())))
    text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())))
    text.remove_suffix(1);
  return text;
}

// "...kernel<THIS, 128, 0ul>(...)" of an entry's name.
std::string kernel_type(const std::string& mangled) {
  const std::string text = demangled(mangled.c_str());
  const std::size_t begin = text.find("kernel<"), close = text.find("ul>(");
  if (begin == text.npos || close == text.npos) return text;
  const std::size_t bytes = text.rfind(", ", close), threads = text.rfind(", ", bytes - 1);
  return text.substr(begin + 7, threads - begin - 7);
}

class Reader {
 public:
  Reader(std::string_view text, std::string file, Program& program)
      : text_(text), file_(std::move(file)), program_(program) {}

  void read() {
    while (skip_blank(), at_ < text_.size()) {
      const std::size_t end = text_.find_first_of("\n(", at_);
      const std::string_view line = text_.substr(at_, end - at_);
      const std::size_t entry = line.find(".entry ");
      if (entry != line.npos)
        read_entry(std::string(trimmed(line.substr(entry + 7))), end);
      else
        move_to(text_.find('\n', at_));
    }
  }

 private:
  struct Jump {
    std::size_t instruction;
    std::string label;
  };

  void move_to(std::size_t to) {
    to = std::min(to, text_.size());
    for (; at_ < to; ++at_) line_ += text_[at_] == '\n';
  }
  void skip_blank() {
    for (;;) {
      while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])))
        move_to(at_ + 1);
      if (text_.substr(at_, 2) != "//") return;
      move_to(text_.find('\n', at_));
    }
  }

  void read_entry(const std::string& mangled, std::size_t open) {
    function_ = {};
    function_.name = kernel_type(mangled);
    function_.file = file_;
    registers_.clear();
    labels_.clear();
    jumps_.clear();
    constexpr const char* kSpecialNames[kSpecials] = {"%tid.x",    "%ctaid.x", "%ctaid.y",
                                                      "%ctaid.z",  "%ntid.x",  "%nctaid.x",
                                                      "%nctaid.y", "%nctaid.z"};
    for (const char* name : kSpecialNames) registers_[name] = function_.registers++;

    const std::size_t body = text_.find('{', open);
    const std::string_view head = text_.substr(open, body - open);
    if (const std::size_t b = head.find('['); b != head.npos)
      function_.params_bytes = static_cast<std::size_t>(std::atoll(head.data() + b + 1));
    if (const std::size_t m = head.find(".maxntid "); m != head.npos)
      function_.threads = static_cast<unsigned>(std::atoi(head.data() + m + 9));
    move_to(body + 1);
    read_body();
    function_.code.push_back({.does = {.kind = Operation::Kind::exit}, .line = line_, .text = "}"});
    for (const Jump& jump : jumps_) {
      const auto found = labels_.find(jump.label);
      Instruction& i = function_.code[jump.instruction];
      if (found == labels_.end()) fail(file_, i.line, "no such label", i.text);
      i.target = found->second;
    }
    const std::string name = function_.name;
    if (!program_.emplace(name, std::move(function_)).second)
      fail(file_, line_, "a second kernel of this name, or what an earlier build has left", name);
  }

  void read_body() {
    for (int depth = 1; depth > 0;) {
      skip_blank();
      if (at_ >= text_.size()) fail(file_, line_, "the end of", function_.name);
      if (text_[at_] == '{' || text_[at_] == '}') {
        depth += text_[at_] == '{' ? 1 : -1;
        move_to(at_ + 1);
        continue;
      }
      const std::size_t end = text_.find_first_of(";:", at_);
      const std::string_view statement = trimmed(text_.substr(at_, end - at_));
      if (end != text_.npos && text_[end] == ':')
        labels_[std::string(statement)] = static_cast<int>(function_.code.size());
      else if (statement.starts_with(".reg "))
        declare(trimmed(statement.substr(5)));
      else if (!statement.starts_with(".pragma"))
        instruction(statement);
      move_to(end + 1);
    }
  }

  // ".b32 %r<136>" or ".b32 %temp": names that a later scope uses again are the same registers.
  void declare(std::string_view text) {
    const std::string_view name = trimmed(text.substr(text.find('%')));
    const std::size_t many = name.find('<');
    const auto [place, fresh] =
        registers_.emplace(std::string(name.substr(0, many)), function_.registers);
    if (fresh) function_.registers += many == name.npos ? 1 : std::atoi(name.data() + many + 1);
  }

  int find_register(std::string_view name) const {
    if (const auto one = registers_.find(std::string(name)); one != registers_.end())
      return one->second;
    std::size_t digits = name.size();
    while (digits > 0 && std::isdigit(static_cast<unsigned char>(name[digits - 1]))) --digits;
    const auto many = registers_.find(std::string(name.substr(0, digits)));
    if (many == registers_.end() || digits == name.size())
      fail(file_, line_, "no such register", name);
    return many->second + std::atoi(name.data() + digits);
  }

  Operand operand(std::string_view text) const {
    text = trimmed(text);
    if (text.empty()) fail(file_, line_, "an operand is missing", function_.name);
    Operand out;
    if (text.front() == '[') {
      const std::size_t plus = text.find('+');
      out = operand(text.substr(1, std::min(plus, text.size() - 1) - 1));
      if (plus != text.npos) out.value += static_cast<std::uint64_t>(std::atoll(&text[plus + 1]));
    } else if (text.front() == '%') {
      out.reg = find_register(text);
    } else if (text.starts_with("0f") || text.starts_with("0d")) {
      std::from_chars(text.data() + 2, text.data() + text.size(), out.value, 16);
    } else if (text.front() == '-' || std::isdigit(static_cast<unsigned char>(text.front()))) {
      out.value = std::strtoull(text.data(), nullptr, 0);  // which takes a sign, too
    } else if (text.find("param") == text.npos && text.find("shared") == text.npos) {
      fail(file_, line_, "an operand of an unknown kind", text);
    }
    return out;
  }

  // [@[!]%p] opcode operand, {operand, ..}, operand|operand, [operand + 1], ...
  void instruction(std::string_view text) {
    Instruction out;
    out.line = line_;
    out.text = std::string(text);
    if (text.front() == '@') {
      out.unless = text[1] == '!';
      text.remove_prefix(out.unless ? 2 : 1);
      const std::size_t blank = text.find_first_of(" \t");
      out.guard = find_register(text.substr(0, blank));
      text = trimmed(text.substr(blank));
    }
    const std::size_t blank = std::min(text.find_first_of(" \t"), text.size());
    const std::string_view opcode = text.substr(0, blank);
    std::string_view rest = trimmed(text.substr(blank));
    if (opcode.starts_with("bra")) {
      jumps_.push_back({function_.code.size(), std::string(rest)});
      rest = {};
    }
    std::vector<int> groups;
    while (!rest.empty()) {
      const bool vector = rest.front() == '{';
      const std::size_t end = std::min(rest.find_first_of(vector ? "}" : ",|"), rest.size());
      std::string_view list = rest.substr(vector, end - vector);
      groups.push_back(0);
      while (!list.empty()) {
        const std::size_t comma = std::min(list.find(','), list.size());
        out.operands.push_back(operand(list.substr(0, comma)));
        list.remove_prefix(std::min(comma + 1, list.size()));
        ++groups.back();
      }
      rest = trimmed(rest.substr(std::min(end + vector, rest.size())));
      if (!rest.empty()) rest = trimmed(rest.substr(1));  // , or |
    }
    try {
      out.does = find_operation(opcode, groups, out.access);
    } catch (const Unknown& unknown) {
      fail(file_, line_, unknown.what(), text);
    }
    function_.code.push_back(std::move(out));
  }

  std::string_view text_;
  std::string file_;
  Program& program_;
  std::size_t at_ = 0;
  int line_ = 1;
  Function function_;
  std::map<std::string, int> registers_, labels_;  // the first of a name's registers
  std::vector<Jump> jumps_;
};

}  // namespace

std::string demangled(const char* name) {
  const std::unique_ptr<char, void (*)(void*)> plain(
      abi::__cxa_demangle(name, nullptr, nullptr, nullptr), std::free);
  return plain ? plain.get() : name;
}

void read_program(std::string_view text, const std::string& file, Program& program) {
  Reader(text, file, program).read();
}

}  // namespace peclr::ptx
