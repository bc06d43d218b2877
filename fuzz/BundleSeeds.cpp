// Bundles without machine code, so that BundleFuzzer may execute what it makes of them: `fuzz-bundle-seeds FOLDER`.
#include "TestBundle.h"

#include <cstdio>
#include <cstdlib>

static void write(const std::string &path, const std::vector<uint8_t> &bytes) {
  std::FILE *file = std::fopen(path.c_str(), "wb");
  bool written = file && std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  if (!file || std::fclose(file) != 0 || !written) {
    std::perror(path.c_str());
    std::exit(EXIT_FAILURE);
  }
}

// States with initialisers, tied names, a checked index, a batched product, copies and zeroes; nothing from files.
static std::vector<uint8_t> everything() {
  using Space = fb::Space;
  TestBundle b;
  b.ranks = 2;
  b.arenaBytes = 512;
  b.state("layer.param", 8);
  b.bucket("layer", 8, 0);
  b.parameter("layer.weight", {3, 4}, 0, 0, 0, "", "normal", fb::DType::F32, {}, 0, {"head.weight"});
  b.parameter("layer.bias", {4}, 0, 12, 0, "", "ones");
  uint32_t running = b.state("running", 4);
  b.parameter("running", {4}, -1, 0, running, "", "zeros");
  b.constant(std::string(16, '\0'));
  b.input("index", {2}, true, fb::DType::I64);
  b.input("x", {2, 2, 3}, true);
  b.input("lr", {}, false, fb::DType::F32, fb::InputRole::LearningRate);
  b.input("step", {}, false, fb::DType::I64, fb::InputRole::Step);
  b.output("y", {2, 2, 4}, true);
  b.output("steps", {}, false, fb::DType::I64);
  b.instruction(fb::Action::CheckIndex,
                fb::CreateCheckIndex(b.builder, b.operand(Space::Input, 0, 0, {2}, fb::DType::I64), 5, true, -100,
                                     b.builder.CreateString("class")));
  b.collective(fb::CollectiveKind::AllGather, fb::Reduction::Sum, b.operand(Space::State, 0, 0, {8}), b.arena(0, {16}));
  auto product = fb::CreateGemm(b.builder, b.operand(Space::Input, 1, 0, {2, 2, 3}), b.arena(0, {3, 4}),
                                b.operand(Space::Output, 0, 0, {2, 2, 4}), 2, 4, 3, 3, 4, 4, false, false, 1, 0,
                                b.builder.CreateVector<uint64_t>({2}), b.builder.CreateVector<uint64_t>({6}),
                                b.builder.CreateVector<uint64_t>({0}), b.builder.CreateVector<uint64_t>({8}));
  b.instruction(fb::Action::Gemm, product);
  b.instruction(fb::Action::Zero, fb::CreateZero(b.builder, b.operand(Space::State, running, 0, {4})));
  b.instruction(fb::Action::Copy, fb::CreateCopy(b.builder, b.operand(Space::Input, 3, 0, {}, fb::DType::I64),
                                                 b.operand(Space::Output, 1, 0, {}, fb::DType::I64)));
  return b.finish();
}

int main(int argc, char **argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: fuzz-bundle-seeds FOLDER\n");
    return EXIT_FAILURE;
  }
  std::string folder = argv[1];
  write(folder + "/everything", everything());
  write(folder + "/empty", TestBundle().finish());
  for (uint32_t ranks : {1, 2})
    write(folder + "/training-" + std::to_string(ranks), linearTraining(ranks, 2 * ranks));
}
