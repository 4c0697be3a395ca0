// SPDX-License-Identifier: Apache-2.0
// The machine for PTX: what it computes beside numbers by hand, and the faults that it must see.
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "tests/simt/emulator/fault.h"
#include "tests/simt/ptx/machine.h"
#include "tests/simt/ptx/traffic.h"

namespace peclr::ptx {
namespace {

// PTX of a kernel of one warp, with a pointer in %rd1 and its thread's index in %r1.
std::string kernel(const std::string& body) {
  return ".version 8.0\n.target sm_90\n.address_size 64\n"
         ".extern .shared .align 128 .b8 shared[];\n"
         ".visible .entry probe(\n .param .u64 .align 8 .b8 probe_param_0[8]\n)\n"
         ".maxntid 32, 1, 1\n{\n"
         ".reg .pred %p<9>;\n.reg .b16 %h<9>;\n.reg .b32 %r<30>;\n.reg .f32 %f<30>;\n"
         ".reg .b64 %rd<9>;\n"
         "ld.param.u64 %rd0, [probe_param_0];\n"
         "cvta.to.global.u64 %rd1, %rd0;\n"
         "mov.u32 %r1, %tid.x; // the thread\n" +
         body + "ret;\n}\n";
}

// Runs it on `words`, to which its pointer leads.
void run_kernel(const std::string& body, std::vector<std::uint32_t>& words,
                std::size_t params_bytes = 8) {
  Program program;
  read_program(kernel(body), "probe.ptx", program);
  REQUIRE(program.contains("probe"));
  void* pointer = words.data();
  run(program.at("probe"), {.kernel = "probe",
                            .type = "probe",
                            .grid = {1, 1, 1},
                            .threads = 32,
                            .shared_bytes = 512,
                            .shared_alignment = 128,
                            .thread = nullptr,
                            .params = &pointer,
                            .params_bytes = params_bytes,
                            .stream = nullptr});
}

template <class Error>
std::string objection(const std::string& body, std::size_t params_bytes = 8) {
  std::vector<std::uint32_t> words(64);
  try {
    run_kernel(body, words, params_bytes);
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

// Of thread 0, the word that `body` leaves in %r2.
std::uint32_t computed(const std::string& body) {
  std::vector<std::uint32_t> words(64);
  run_kernel(body + "setp.eq.u32 %p8, %r1, 0;\n@%p8 st.global.u32 [%rd1], %r2;\n", words);
  return words[0];
}
float computed_float(const std::string& body) {
  return std::bit_cast<float>(computed(body + "mov.b32 %r2, %f2;\n"));
}

TEST_CASE("ptx: numbers by hand", "[simt][ptx]") {
  CHECK(computed("mov.u32 %r2, -7;\nshr.s32 %r2, %r2, 1;\n") == 0xFFFFFFFCu);
  CHECK(computed("mov.u32 %r2, 1;\nshl.b32 %r2, %r2, 32;\n") == 0);
  CHECK(computed("mov.u32 %r3, 0x80C03040;\nmov.u32 %r4, 0x11223344;\n"
                 "prmt.b32 %r2, %r3, %r4, 0x74B2;\n") == 0x1144FFC0u);  // B: byte 3's sign
  CHECK(computed("mov.u32 %r3, 0x00030002;\nmov.u32 %r4, 0x07050B0D;\n"
                 "dp2a.lo.u32.u32 %r2, %r3, %r4, 100;\n") == 100 + 2 * 13 + 3 * 11);
  CHECK(computed("mov.u32 %r3, 0x00030002;\nmov.u32 %r4, 0x07050B0D;\n"
                 "dp2a.hi.u32.u32 %r2, %r3, %r4, 0;\n") == 2 * 5 + 3 * 7);
  CHECK(computed("mov.u32 %r3, 5;\nmov.u32 %r4, -1;\nbfi.b32 %r2, %r3, %r4, 4, 3;\n") ==
        0xFFFFFFDFu);
  CHECK(computed("mov.b64 %rd2, 0x1122334455667788;\nmov.b64 {%r3, %r2}, %rd2;\n") == 0x11223344);
  CHECK(computed("mov.b32 %r3, 0xFFFFFFFE;\ncvt.s64.s32 %rd2, %r3;\nshr.u64 %rd2, %rd2, 60;\n"
                 "cvt.u32.u64 %r2, %rd2;\n") == 15);
  CHECK(computed_float("mov.f32 %f2, 0f3FE00000;\nadd.rz.f32 %f2, %f2, 0f4B000000;\n") ==
        0x1p23f + 1);  // of 1.75 more
  CHECK(
      computed_float("mov.f32 %f2, 0fBF8CCCCD;\nfma.rm.f32 %f2, %f2, 0f3F800000, 0f4B400000;\n") ==
      0x1.8p23f - 2);
  CHECK(computed_float("mov.f32 %f2, 0f7FC00000;\nmin.f32 %f2, %f2, 0f40000000;\n") == 2);
  CHECK(computed("mov.f32 %f3, 0f3F808000;\ncvt.rn.bf16.f32 %h1, %f3;\ncvt.u32.u16 %r2, %h1;\n") ==
        0x3F80);  // a tie, to even
  CHECK(computed("mov.f32 %f3, 0fC0200000;\ncvt.rzi.s32.f32 %r2, %f3;\n") == 0xFFFFFFFEu);
  CHECK(
      computed("mov.b64 %rd2, 0x7FF8000000000000;\nmov.b64 %rd3, %rd2;\n"
               "cvt.rzi.s64.f64 %rd3, %rd3;\nshr.u64 %rd3, %rd3, 60;\ncvt.u32.u64 %r2, %rd3;\n") ==
      8);  // a NaN
  CHECK(computed("mov.u32 %r3, 0x80000000;\ndiv.s32 %r2, %r3, -1;\n") == 0x80000000u);
  // Approximations are as far off as they may be.
  const float third = computed_float("mov.f32 %f3, 0f40400000;\nrcp.approx.ftz.f32 %f2, %f3;\n");
  CHECK(std::abs(third * 3.0 - 1) < 0x1.8p-23);
  CHECK(std::abs(third * 3.0 - 1) > 0x1p-25);
}

TEST_CASE("ptx: a branch that some take, a shuffle and a vote", "[simt][ptx]") {
  std::vector<std::uint32_t> words(64);
  run_kernel(
      "setp.lt.u32 %p1, %r1, 5;\n"
      "vote.sync.ballot.b32 %r5, %p1, -1;\n"
      "mov.u32 %r2, 100;\n"
      "@!%p1 bra $L_far;\n"
      "mov.u32 %r2, 7;\n"
      "$L_far:\n"
      "shfl.sync.bfly.b32 %r3|%p2, %r2, 1, 31, -1;\n"
      "shfl.sync.idx.b32 %r6|%p3, %r1, 3, 0x1C1F, -1;\n"  // segments of four lanes
      "mad.lo.s32 %r4, %r3, 1000, %r5;\n"
      "add.s32 %r4, %r4, %r6;\n"
      "mul.wide.u32 %rd2, %r1, 4;\n"
      "add.s64 %rd2, %rd1, %rd2;\n"
      "st.global.u32 [%rd2], %r4;\n",
      words);
  for (unsigned lane = 0; lane < 32; ++lane)
    CHECK(words[lane] == ((lane ^ 1) < 5 ? 7000 : 100000) + 31 + (lane / 4 * 4 + 3));
}

TEST_CASE("ptx: a copy is not there until it is waited for", "[simt][ptx]") {
  const std::string copy =
      "mov.u32 %r7, 16;\nmul.lo.s32 %r3, %r1, %r7;\n"
      "mul.wide.u32 %rd2, %r1, 0;\nadd.s64 %rd2, %rd1, %rd2;\n"
      "cp.async.cg.shared.global [%r3], [%rd2], 16;\ncp.async.commit_group;\n";
  const std::string read = "ld.shared.u32 %r2, [%r3];\n";
  CHECK(computed(copy + read) == ~0u);
  CHECK(computed(copy + "cp.async.wait_group 1;\n" + read) == ~0u);
  CHECK(computed(copy + "cp.async.wait_group 0;\n" + read) == 0);
}

TEST_CASE("ptx: what a GPU would stop at or leave undefined is named", "[simt][ptx]") {
  using simt::Fault;
  const auto names = [](const std::string& text, std::initializer_list<const char*> parts) {
    INFO(text);
    for (const char* part : parts) CHECK(text.find(part) != std::string::npos);
  };
  CHECK(objection<Fault>("ld.global.v4.u32 {%r2, %r3, %r4, %r5}, [%rd1];\n").empty());
  names(objection<Fault>("ld.global.v4.u32 {%r2, %r3, %r4, %r5}, [%rd1+8];\n"),
        {"line ", "thread 0", "16 bytes", "no multiple"});
  CHECK(objection<Fault>("st.shared.u32 [shared+508], %r1;\n").empty());
  names(objection<Fault>("st.shared.u32 [shared+512], %r1;\n"), {"outside of shared memory"});
  names(objection<Fault>("ld.param.u32 %r2, [probe_param_0+8];\n"), {"outside of the parameters"});
  names(objection<Fault>("mov.u64 %rd2, 16;\nld.global.u32 %r2, [%rd2];\n"), {"nobody's"});
  names(objection<Fault>("setp.eq.u32 %p1, %r1, 3;\n@%p1 bra $L_other;\n"
                         "vote.sync.ballot.b32 %r2, %p1, -1;\nret;\n"
                         "$L_other:\nbar.sync 0;\n"),
        {"wait for each other", "thread 0 ", "vote.sync", "thread 3 ", "bar.sync"});
  names(objection<Fault>("setp.eq.u32 %p1, %r1, 3;\n@%p1 ret;\n"
                         "shfl.sync.idx.b32 %r2|%p2, %r1, 3, 31, -1;\n"),
        {"a shuffle reads lane 3"});
  names(objection<Fault>("setp.eq.u32 %p1, %r1, 3;\n@%p1 bra $L_other;\nbar.sync 0;\nret;\n"
                         "$L_other:\nbar.sync 0;\n"),
        {"wait for each other"});
  names(objection<Fault>("setp.eq.u32 %p1, %r1, 3;\nselp.b32 %r5, 9, -1, %p1;\n"
                         "vote.sync.ballot.b32 %r2, %p1, %r5;\n"),
        {"wait for each other"});
  names(objection<Fault>("vote.sync.ballot.b32 %r2, %p1, 0x7FFFFFFF;\n"),
        {"probe (probe.ptx): line ", "thread 31: not in its own mask"});
  names(objection<Fault>("", 12), {"12 bytes", "built for 32 and 8"});
}

TEST_CASE("ptx: sectors and passes over banks are counted", "[simt][ptx]") {
  Program program;
  read_program(kernel("ld.global.u32 %r2, [%rd1];\nld.global.v4.u32 {%r3, %r4, %r5, %r6}, [%rd1];\n"
                      "ld.shared.u32 %r7, [shared];\n"),
               "probe.ptx", program);
  const Function& function = program.at("probe");
  const auto find = [&](const char* opcode) {
    for (const Instruction& i : function.code)
      if (i.text.starts_with(opcode)) return &i;
    throw std::runtime_error(opcode);
  };
  const auto counted = [&](const char* opcode, Access::Space space, std::uint64_t stride) {
    Traffic traffic;
    const Instruction& i = *find(opcode);
    for (unsigned lane = 32; lane-- > 0;) {
      Thread thread;
      thread.index = lane;
      traffic.note(thread, i, space, 4096 + lane * stride,
                   static_cast<std::size_t>(i.access.bytes * i.access.count));
    }
    traffic.end_block(function);
    const std::string report = traffic.report();
    return report.substr(0, report.find('\n'));
  };
  using Space = Access::Space;
  const char *word = "ld.global.u32", *pack = "ld.global.v4", *shared = "ld.shared";
  CHECK(counted(word, Space::global, 4) ==
        "probe, global memory: 1 accesses, 1 passes of 1, 4 sectors of 4");
  CHECK(counted(word, Space::global, 8) ==
        "probe, global memory: 1 accesses, 2 passes of 1, 8 sectors of 4");
  CHECK(counted(word, Space::global, 0) ==
        "probe, global memory: 1 accesses, 1 passes of 1, 1 sectors of 1");
  CHECK(counted(pack, Space::global, 16) ==
        "probe, global memory: 1 accesses, 4 passes of 4, 16 sectors of 16");
  CHECK(counted(shared, Space::shared, 128) == "probe, shared memory: 1 accesses, 32 passes of 1");
  CHECK(counted(shared, Space::shared, 132) == "probe, shared memory: 1 accesses, 1 passes of 1");
}

TEST_CASE("ptx: text that this machine does not know is named", "[simt][ptx]") {
  const auto names = [](const std::string& text, const std::string& part) {
    INFO(text);
    CHECK(text.find("probe.ptx:") == 0);
    CHECK(text.find(part) != std::string::npos);
  };
  names(objection<Unknown>("sin.approx.f32 %f1, %f2;\n"), "an unknown operation, sin.approx.f32");
  names(objection<Unknown>("setp.lt.s32 %p1|%p2, %r1, 3;\n"), "with 4 operands instead of 3");
  names(objection<Unknown>("ld.global.b128 %rd3, [%rd1];\n"), "an unknown operation");
  names(objection<Unknown>("add.s32 %r2, %q1, %r1;\n"), "no such register: %q1");
  names(objection<Unknown>("bra $L_nowhere;\n"), "no such label");
  names(objection<Unknown>("add.s32 %r2, %r1, ?;\n"), "an operand of an unknown kind");
  Program program;
  read_program(kernel(""), "old.ptx", program);
  CHECK_THROWS_WITH(read_program(kernel(""), "new.ptx", program),
                    Catch::Contains("new.ptx:") && Catch::Contains("a second kernel of this name"));
}

}  // namespace
}  // namespace peclr::ptx
