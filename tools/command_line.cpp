// SPDX-License-Identifier: Apache-2.0
#include "tools/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <span>

#include "engine/error.h"
#include "engine/files/yaml.h"
#include "engine/text.h"
#include "tools/commands.h"
#include "tools/settings/nearest.h"
#include "tools/settings/settings.h"
#include "tools/version.h"

namespace peclr {
namespace {

constexpr const char* kExamples = R"(Examples:
  peclr synth --out out/hands --count 2000 --seed 1
  peclr pretrain tools/configs/pretrain.yaml data.train=out/hands out=out/pretrain model.depth=18
  peclr finetune tools/configs/finetune.yaml --init-from out/pretrain/model.safetensors data.train=out/hands data.labels=0.1 out=out/finetune
  peclr prepare youtube youtube_3d_hands/data --mano-joints mano_mesh_to_joints_mat.pth --out youtube_hands
  peclr evaluate --init-from out/finetune/model.safetensors data.eval=out/hands out=out/finetune
  peclr export out/finetune/model.safetensors --out hand.onnx
  peclr pretrain tools/configs/pretrain.yaml out=out/pretrain --resume
)";

// What a command of settings takes.
template <Command command>
void add_settings(CLI::App& sub, CommandLine& line) {
  sub.add_option("settings", line.settings, "YAML files, later ones win; key=value wins over them")
      ->option_text("FILE|KEY=VALUE...");
  // Behind the settings, which have been taken by then, so that it wins over them.
  sub.add_option_function<std::string>(
         "--init-from",
         [&line](const std::string& file) {
           line.settings.push_back("init_from=" + yaml_quoted(file));
         },
         "weights to start from: safetensors or .pth, with torchvision's or PeCLR's names")
      ->option_text("FILE");
  if (command == Command::pretrain || command == Command::finetune) {
    CLI::Option* resume = sub.add_flag("--resume", line.resume, "go on from out/last.safetensors");
    sub.add_flag("--dry-run", line.dry_run,
                 "check settings, out, data, weights and memory, tell the plan, write nothing")
        ->excludes(resume);
  }
  if (command == Command::predict) {
    sub.add_option("--draw", line.draw, "pictures to draw the skeleton on (default 16)");
    sub.add_flag("--submission", line.submission,
                 "write out/pred.json, too, as FreiHAND's evaluation takes it");
  }
  sub.footer("Settings (key, default, meaning):\n" + settings_help(command));
}

void add_export(CLI::App& sub, CommandLine& line) {
  sub.add_option("paths", line.paths,
                 "weights: a hand network becomes one with joints as outputs, others an encoder")
      ->required()
      ->expected(1)
      ->option_text("FILE");
  sub.add_option("--out", line.out,
                 "file to write: PyTorch's where its name ends in .pth, else ONNX")
      ->required()
      ->option_text("FILE");
  sub.add_option("--input", line.input, "side of the pictures, where the weights do not say it")
      ->option_text("PIXELS");
  sub.add_option("--init-prefix", line.init_prefix,
                 "what stands before the names that are meant in another program's file")
      ->option_text("PREFIX");
}

void add_synth(CLI::App& sub, CommandLine& line) {
  sub.add_option("--out", line.out, "folder to write")->required()->option_text("DIR");
  sub.add_option("--count", line.count, "training pictures (and a tenth as many for evaluation)")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{10'000'000}));
  sub.add_option("--seed", line.seed, "the same seed gives the same pictures")
      ->check(CLI::Range(std::int64_t{0}, INT64_MAX));
}

void add_prepare(CLI::App& sub, CommandLine& line) {
  sub.add_option("paths", line.paths,
                 "youtube (YouTube-3D-Hands: pixels alone, for pre-training), interhand "
                 "(InterHand2.6M: single hands), ho3d (HO-3D, version 2 or 3) or hanco (HanCo: "
                 "hands whose fit was validated); and the folder of the set")
      ->required()
      ->expected(2)
      ->option_text("LAYOUT DIR");
  sub.add_option("--out", line.out, "folder to write")->required()->option_text("DIR");
  sub.add_option("--split", line.split,
                 "train becomes the training part (default), val or test the evaluation part")
      ->check(CLI::IsMember({"train", "val", "test"}));
  sub.add_option("--hands", line.hands, "both (default; left ones are mirrored), right or left")
      ->check(CLI::IsMember({"both", "right", "left"}));
  sub.add_option("--mano-joints", line.mano_joints,
                 "youtube: MANO's joints from its vertices, mano_mesh_to_joints_mat.pth of "
                 "PeCLR's repository")
      ->option_text("FILE");
}

void add_verify(CLI::App& sub, CommandLine& line) {
  sub.add_option("paths", line.paths, "sets in FreiHAND's layout, or folders of pictures")
      ->required()
      ->option_text("DIR...");
}

void add_score(CLI::App& sub, CommandLine& line) {
  sub.add_option("paths", line.paths,
                 "pred.json, [xyz, vertices] or xyz alone, metres; and the folder that holds "
                 "evaluation_xyz.json and evaluation_K.json, and for meshes "
                 "evaluation_verts.json")
      ->required()
      ->expected(2)
      ->option_text("FILE DIR");
  sub.add_option("--out", line.out, "folder to write scores.json, scores.txt and errors.json in")
      ->option_text("DIR");
}

void add_golden(CLI::App& sub, CommandLine& line) {
  sub.add_option("paths", line.paths, "golden files or folders of them")
      ->required()
      ->option_text("FILE|DIR...");
  sub.add_option("--device", line.device, "auto, cpu or cuda (simt in builds for tests)");
  sub.add_flag("--json", line.json, "one JSON object a line");
}

void add_info(CLI::App& sub, CommandLine& line) {
  sub.add_option("paths", line.paths, "checkpoints to describe")->option_text("FILE...");
}

void add_results(CLI::App& sub, CommandLine& line) {
  sub.add_option("paths", line.paths, "folders with a scores.json")
      ->required()
      ->option_text("DIR...");
  sub.add_option("--out", line.out, "JSON file to write, a row a run")->option_text("FILE");
  sub.add_option("--format", line.format,
                 "text (default) and csv: a row a run; markdown and latex (booktabs): mean and "
                 "standard deviation over the runs that differ in their seed alone")
      ->check(CLI::IsMember({"text", "markdown", "latex", "csv"}));
}

void add_report(CLI::App& sub, CommandLine& line) {
  sub.add_option("paths", line.paths, "run folders")->required()->option_text("DIR...");
  sub.add_option("--out", line.out, "HTML file to write")->required()->option_text("FILE");
}

struct Subcommand {
  const char *name, *what;
  void (*add)(CLI::App&, CommandLine&);  // what it takes
  RunCommand run;
};
const Subcommand kSubcommands[] = {
    {name_of(Command::pretrain),
     "Pre-train an encoder on pictures (PeCLR or SimCLR); joints, where known, serve only for "
     "cropping",
     add_settings<Command::pretrain>, run_pretrain},
    {name_of(Command::finetune), "Fine-tune the hand network on labelled pictures",
     add_settings<Command::finetune>, run_finetune},
    {name_of(Command::evaluate), "Score a hand network by FreiHAND's rules (scores.json)",
     add_settings<Command::evaluate>, run_evaluate},
    {name_of(Command::predict), "Predict hands in pictures (predictions.json, drawn skeletons)",
     add_settings<Command::predict>, run_predict},
    {name_of(Command::probe), "Measure what frozen features are worth (classes or joints)",
     add_settings<Command::probe>, run_probe},
    {"export", "Write a network for other programs: as ONNX to run it, as .pth to train it on",
     add_export, run_export},
    {"synth", "Render synthetic hands in FreiHAND's layout", add_synth, run_synth},
    {"prepare", "Cut the hands of another data set out of its frames, in FreiHAND's layout",
     add_prepare, run_prepare},
    {"verify", "Read every picture and label of sets, and say what is not as it should be",
     add_verify, run_verify},
    {"score", "Score a file of predictions (FreiHAND's pred.json) by FreiHAND's rules", add_score,
     run_score},
    {"golden", "Check this build and machine against golden files", add_golden, run_golden},
    {"info", "Describe this build, its devices, and checkpoints", add_info, run_info},
    {"results", "Gather scored runs into one table", add_results, run_results},
    {"report", "Show runs of any kind on one self-contained HTML page", add_report, run_report},
};

// CLI11 would only say that a subcommand is missing.
void check_command(const std::string& word) {
  const std::vector<std::string> known = command_names();
  if (std::find(known.begin(), known.end(), word) == known.end())
    fail(ErrorKind::usage, "unknown command {}; did you mean {}? See peclr --help", shown(word),
         shown(nearest(word, known)));
}

// Null: there is no such option, or it is a flag.
const CLI::Option* option_with_value(const CLI::App& command, const std::string& name) {
  const CLI::Option* option = command.get_option_no_throw(name);
  return option && option->get_items_expected_max() > 0 ? option : nullptr;
}

// `--out x` to a command of settings, or `out=x` to one of options: each has the other's spelling.
void check_spelling(const CLI::App& command, std::span<const char* const> words) {
  const bool takes_settings = command.get_option_no_throw("settings") != nullptr;
  bool value = false;  // of the option before
  for (const std::string_view word : words) {
    const bool option = word.starts_with("--");
    const std::string name(word.substr(0, word.find('=')));
    if (takes_settings && option && !command.get_option_no_throw(name) &&
        is_setting(name.substr(2)))
      fail(ErrorKind::usage, "{}: a setting of peclr {}; write {}=VALUE", name, command.get_name(),
           name.substr(2));
    if (!takes_settings && !option && !value && name.size() < word.size() &&
        option_with_value(command, "--" + name))
      fail(ErrorKind::usage, "{}: an option of peclr {}; write --{} VALUE", printable(word),
           command.get_name(), name);
    value = option && name.size() == word.size() && option_with_value(command, name);
  }
}

// A script's variable that is not set: an option must not count as not given for that.
void require_values(const CLI::App& command) {
  for (const CLI::Option* option : command.get_options())
    for (const std::string& value : option->results())
      if (value.empty())
        fail(ErrorKind::usage, "{}: its value is an empty text; give one, or leave it out",
             option->get_name());
}

}  // namespace

std::vector<std::string> command_names() {
  std::vector<std::string> names;
  for (const Subcommand& subcommand : kSubcommands) names.emplace_back(subcommand.name);
  return names;
}

RunCommand parse_command_line(int argc, char** argv, CommandLine& line) {
  CLI::App app{
      "PeCLR's engine: equivariant contrastive pre-training on hand pictures, fine-tuning to 3D "
      "hand pose, honest scores",
      "peclr"};
  app.footer(kExamples);
  app.require_subcommand(1);
  app.set_version_flag("--version", version_text());
  RunCommand run = nullptr;
  for (const Subcommand& subcommand : kSubcommands) {
    CLI::App* sub = app.add_subcommand(subcommand.name, subcommand.what);
    subcommand.add(*sub, line);
    sub->callback([&run, &subcommand] { run = subcommand.run; });
  }
  if (argc > 1 && argv[1][0] != '-') {
    check_command(argv[1]);
    check_spelling(*app.get_subcommand(argv[1]), {argv + 2, argv + argc});
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) {
      app.exit(e);
      return nullptr;
    }
    fail(ErrorKind::usage, "{}; see peclr --help", e.what());
  }
  require_values(*app.get_subcommands().front());
  line.words.assign(argv, argv + argc);
  line.command = app.get_subcommands().front()->get_name();
  return run;
}

}  // namespace peclr
