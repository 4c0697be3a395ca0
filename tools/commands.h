// SPDX-License-Identifier: Apache-2.0
// The sub-commands; each returns the program's exit code.
#pragma once
#include "tools/command_line.h"

namespace peclr {

int run_pretrain(const CommandLine& line);
int run_finetune(const CommandLine& line);
int run_evaluate(const CommandLine& line);
int run_predict(const CommandLine& line);
int run_export(const CommandLine& line);
int run_score(const CommandLine& line);
int run_probe(const CommandLine& line);
int run_prepare(const CommandLine& line);
int run_verify(const CommandLine& line);
int run_synth(const CommandLine& line);
int run_golden(const CommandLine& line);
int run_info(const CommandLine& line);
int run_results(const CommandLine& line);
int run_report(const CommandLine& line);

}  // namespace peclr
