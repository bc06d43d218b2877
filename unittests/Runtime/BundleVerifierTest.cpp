#include "TestBundle.h"

#include "raddle/runtime/BundleFile.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <random>

using raddle::runtime::verifyBundle;
using Space = fb::Space;

// What the verifier says about the bundle; empty when it accepts it.
static std::string problems(TestBundle &b) {
  std::vector<uint8_t> bytes = b.finish();
  std::string why;
  bool good = verifyBundle(bytes.data(), bytes.size(), why);
  EXPECT_EQ(good, why.empty());
  return why;
}

static void expectProblem(TestBundle &b, const std::string &text) {
  std::string why = problems(b);
  EXPECT_NE(why.find(text), std::string::npos) << "expected: " << text << "\nfound: " << why;
}

TEST(BundleVerifier, AcceptsATrainingStep) {
  for (uint32_t ranks : {1u, 2u, 3u, 5u}) {
    std::vector<uint8_t> bytes = linearTraining(ranks, 30);
    std::string why;
    EXPECT_TRUE(verifyBundle(bytes.data(), bytes.size(), why)) << why;
  }
}

TEST(BundleVerifier, SurvivesEveryTruncationWithoutTheHash) {
  std::vector<uint8_t> bytes = linearTraining(2, 4);
  std::string why;
  for (size_t length = 0; length < bytes.size(); ++length) {
    std::vector<uint8_t> exact(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(length));
    verifyBundle(exact.data(), exact.size(), why);
  }
}

TEST(BundleVerifier, SurvivesFlippedAndRandomBytesWithoutTheHash) {
  std::vector<uint8_t> bytes = linearTraining(2, 4);
  std::string why;
  for (size_t i = 0; i < bytes.size(); ++i)
    for (uint8_t mask : {0x01, 0x80, 0xff}) {
      std::vector<uint8_t> damaged = bytes;
      damaged[i] ^= mask;
      verifyBundle(damaged.data(), damaged.size(), why);
    }
  std::mt19937 random(1);
  for (int round = 0; round < 3000; ++round) {
    std::vector<uint8_t> damaged = bytes;
    for (int change = 0; change < 6; ++change)
      damaged[random() % damaged.size()] = static_cast<uint8_t>(random());
    verifyBundle(damaged.data(), damaged.size(), why);
  }
}

TEST(BundleVerifier, RefusesHeader) {
  TestBundle b;
  b.ranks = 0;
  b.version = 9;
  b.target = "abacus";
  std::string why = problems(b);
  EXPECT_NE(why.find("ranks: expected at least 1, found 0"), std::string::npos) << why;
  EXPECT_NE(why.find("version: expected 1, found 9"), std::string::npos) << why;
  EXPECT_NE(why.find("found 'abacus'"), std::string::npos) << why;
}

TEST(BundleVerifier, ReportsAtMostTenProblems) {
  TestBundle b;
  for (int i = 0; i < 30; ++i)
    b.instruction(fb::Action::Zero, fb::CreateZero(b.builder, b.arena(0, {1})));
  std::string why = problems(b);
  EXPECT_EQ(std::count(why.begin(), why.end(), '\n'), 9);
}

TEST(BundleVerifier, RefusesOperandBeyondItsBuffer) {
  TestBundle b;
  b.arenaBytes = 64;
  b.instruction(fb::Action::Zero, fb::CreateZero(b.builder, b.arena(60, {2})), "clear");
  expectProblem(b,
                "entry 'main', instruction 0 'clear': destination: 8 bytes from byte 60 exceed the 64 bytes of Arena");
}

TEST(BundleVerifier, RefusesOperandWhoseSizeOverflows) {
  TestBundle b;
  b.instruction(fb::Action::Zero, fb::CreateZero(b.builder, b.arena(0, {1ull << 40, 1ull << 40})));
  expectProblem(b, "the size of its shape overflows");
}

TEST(BundleVerifier, RefusesOperandWhoseEndWrapsAround) {
  TestBundle b;
  b.arenaBytes = 64;
  b.instruction(fb::Action::Zero, fb::CreateZero(b.builder, b.arena(~3ull, {4})));
  expectProblem(b, "exceed the 64 bytes of Arena");
}

TEST(BundleVerifier, RefusesMisalignedOperand) {
  TestBundle b;
  b.arenaBytes = 64;
  b.instruction(fb::Action::Zero, fb::CreateZero(b.builder, b.arena(2, {1})));
  expectProblem(b, "offset 2 is not a multiple of the 4 bytes of f32");
}

TEST(BundleVerifier, RefusesOperandOfWiderElementsThanTheCallersArray) {
  TestBundle b;
  b.input("x", {4}, true, fb::DType::I32);
  b.instruction(fb::Action::CheckIndex,
                fb::CreateCheckIndex(b.builder, b.operand(Space::Input, 0, 0, {1}, fb::DType::I64), 10));
  expectProblem(b, "its elements of i64 are wider than those of Input 0");
}

TEST(BundleVerifier, RefusesOperandOfABufferThatDoesNotExist) {
  for (auto [space, text] : {std::pair{Space::State, "state 3 does not exist, there are 0"},
                             {Space::Input, "input 3 does not exist"},
                             {Space::Output, "output 3 does not exist"},
                             {Space::Constant, "constant 3 does not exist"},
                             {static_cast<Space>(99), "unknown space 99"}}) {
    TestBundle b;
    b.instruction(fb::Action::Zero, fb::CreateZero(b.builder, b.operand(space, 3, 0, {1})));
    expectProblem(b, text);
  }
}

TEST(BundleVerifier, RefusesWritingToAnInput) {
  TestBundle b;
  b.input("x", {4}, false);
  b.instruction(fb::Action::Zero, fb::CreateZero(b.builder, b.operand(Space::Input, 0, 0, {4})));
  expectProblem(b, "it is written, but space Input is read only");
}

TEST(BundleVerifier, RefusesAMissingOperand) {
  TestBundle b;
  b.instruction(fb::Action::Zero, fb::CreateZero(b.builder));
  expectProblem(b, "destination: it is missing");
}

TEST(BundleVerifier, RefusesAnUnknownElementType) {
  TestBundle b;
  b.instruction(fb::Action::Zero,
                fb::CreateZero(b.builder, b.operand(Space::Arena, 0, 0, {0}, static_cast<fb::DType>(77))));
  expectProblem(b, "unknown element type 77");
}

TEST(BundleVerifier, RefusesAGemmThatLeavesItsOperand) {
  TestBundle b;
  b.arenaBytes = 1024;
  b.gemm(b.arena(0, {4, 4}), b.arena(64, {4, 4}), b.arena(128, {4, 4}), 4, 4, 5);
  expectProblem(b, "operand a: it reaches element 19 of 16");
}

TEST(BundleVerifier, RefusesAGemmOfMixedTypes) {
  TestBundle b;
  b.arenaBytes = 1024;
  b.gemm(b.arena(0, {1}), b.arena(64, {1}, fb::DType::F64), b.arena(128, {1}), 1, 1, 1);
  expectProblem(b, "a gemm takes f32, f64, f16 or bf16 operands of one type and gives that or, of 16 bits, f32; found "
                   "f32, f64 and f32");
}

TEST(BundleVerifier, RefusesAGemmThatNarrowsWiderOperandsOrAddsIntegers) {
  TestBundle b;
  b.arenaBytes = 1024;
  b.gemm(b.arena(0, {1}), b.arena(64, {1}), b.arena(128, {1}, fb::DType::BF16), 1, 1, 1);
  b.gemm(b.arena(0, {1}, fb::DType::I32), b.arena(64, {1}, fb::DType::I32), b.arena(128, {1}, fb::DType::I32), 1, 1, 1);
  b.gemm(b.arena(0, {1}, fb::DType::BF16), b.arena(64, {1}, fb::DType::BF16), b.arena(128, {1}, fb::DType::F16), 1, 1,
         1);
  std::string why = problems(b);
  for (const char *text : {"found f32, f32 and bf16", "found i32, i32 and i32", "found bf16, bf16 and f16"})
    EXPECT_NE(why.find(text), std::string::npos) << "expected: " << text << "\nfound: " << why;
}

// A product of 4 x 8 and 8 x 16 with what is done to its result.
static void addEpilogue(TestBundle &b, std::optional<uint64_t> bias, fb::Activation activation,
                        std::optional<uint64_t> aux, fb::GemmSum sum, std::optional<uint64_t> sums, uint64_t n = 16,
                        fb::DType dtype = fb::DType::F32, const std::vector<uint64_t> &batch = {}) {
  b.arenaBytes = 8192;
  auto operand = [&](uint64_t offset, std::optional<uint64_t> count) {
    return count ? b.arena(offset, {*count}, dtype) : flatbuffers::Offset<fb::Operand>();
  };
  auto a = operand(0, 32), weight = operand(1024, 8 * n), c = operand(3072, 4 * n), vector = operand(5120, bias),
       kept = operand(6144, aux), added = operand(7168, sums);
  flatbuffers::Offset<flatbuffers::Vector<uint64_t>> loops, strides;
  if (!batch.empty()) {
    loops = b.builder.CreateVector(batch);
    strides = b.builder.CreateVector(std::vector<uint64_t>(batch.size(), 0));
  }
  b.instruction(fb::Action::Gemm, fb::CreateGemm(b.builder, a, weight, c, 4, n, 8, 8, n, n, false, false, 1, 0, loops,
                                                 strides, strides, strides, vector, activation, kept, sum, added));
}

TEST(BundleVerifier, TakesGemmsWithAllTheirEpilogues) {
  using fb::Activation, fb::GemmSum;
  TestBundle b;
  addEpilogue(b, 16, Activation::None, {}, GemmSum::None, {});
  addEpilogue(b, 16, Activation::Gelu, 64, GemmSum::None, {});
  addEpilogue(b, {}, Activation::GeluGradient, 64, GemmSum::Result, 16);
  addEpilogue(b, {}, Activation::None, {}, GemmSum::A, 4);
  addEpilogue(b, {}, Activation::None, {}, GemmSum::B, 16);
  std::vector<uint8_t> bytes = b.finish();
  std::string why;
  EXPECT_TRUE(verifyBundle(bytes.data(), bytes.size(), why)) << why;
}

static void expectProblems(TestBundle &b, std::initializer_list<const char *> texts) {
  std::string why = problems(b);
  for (const char *text : texts)
    EXPECT_NE(why.find(text), std::string::npos) << "expected: " << text << "\nfound: " << why;
}

TEST(BundleVerifier, RefusesGemmsWithWrongOperandsOfEpilogues) {
  using fb::Activation, fb::GemmSum;
  TestBundle b;
  addEpilogue(b, 15, Activation::None, {}, GemmSum::None, {});
  addEpilogue(b, {}, Activation::GeluGradient, {}, GemmSum::None, {});
  addEpilogue(b, {}, Activation::Gelu, 63, GemmSum::None, {});
  addEpilogue(b, {}, Activation::None, 64, GemmSum::None, {});
  addEpilogue(b, {}, Activation::None, {}, GemmSum::None, 16);
  addEpilogue(b, {}, Activation::None, {}, GemmSum::A, 16);
  expectProblems(b, {"operand bias: expected 16 elements of f32, found 15 of f32", "operand aux: it is missing",
                     "operand aux: expected 64 elements of f32, found 63 of f32", "operand aux: nothing uses it",
                     "operand sums: nothing uses it", "operand sums: expected 4 elements of f32, found 16 of f32"});
}

TEST(BundleVerifier, RefusesGemmsWithWrongEpilogues) {
  using fb::Activation, fb::GemmSum;
  TestBundle b;
  addEpilogue(b, 16, Activation::GeluGradient, 64, GemmSum::None, {});
  addEpilogue(b, {}, Activation::None, {}, GemmSum::Result, 16);
  addEpilogue(b, 12, Activation::Gelu, 48, GemmSum::None, {}, 12);
  addEpilogue(b, 16, Activation::None, {}, GemmSum::None, {}, 16, fb::DType::F64);
  addEpilogue(b, 16, Activation::None, {}, GemmSum::None, {}, 16, fb::DType::F32, {2});
  addEpilogue(b, {}, static_cast<Activation>(9), {}, GemmSum::None, {});
  addEpilogue(b, {}, Activation::None, {}, static_cast<GemmSum>(9), {});
  expectProblems(b, {"a gemm does not combine a bias, activation GeluGradient and sum None",
                     "a gemm does not combine activation None and sum Result",
                     "operand aux: expected columns in multiples of 8, found 12",
                     "a gemm with bias, activation or sum has no batch and no f64, found 1 batches of f64",
                     "a gemm with bias, activation or sum has no batch and no f64, found 2 batches of f32",
                     "unknown activation 9 or sum 0", "unknown activation 0 or sum 9"});
}

TEST(BundleVerifier, RefusesGemmsWhoseFactorsAreNotFinite) {
  TestBundle b;
  b.arenaBytes = 256;
  auto add = [&](float alpha, float beta) {
    b.gemm(b.arena(0, {1}), b.arena(64, {1}), b.arena(128, {1}), 1, 1, 1, false, false, alpha, beta);
  };
  add(2, 1);
  add(std::numeric_limits<float>::quiet_NaN(), 1);
  add(1, -std::numeric_limits<float>::infinity());
  std::string why = problems(b);
  EXPECT_EQ(why.find("instruction 0"), std::string::npos) << why;
  for (const char *text : {"instruction 1 'gemm': alpha: expected a finite number, found nan",
                           "instruction 2 'gemm': beta: expected a finite number, found -inf"})
    EXPECT_NE(why.find(text), std::string::npos) << why;
}

TEST(BundleVerifier, RefusesAGemmThatAddsToAConstant) {
  TestBundle b;
  b.arenaBytes = 256;
  b.constant(std::string(4, 0));
  b.gemm(b.arena(0, {1}), b.arena(64, {1}), b.operand(fb::Space::Constant, 0, 0, {1}), 1, 1, 1, false, false, 1, 1);
  expectProblem(b, "operand c");
}

TEST(BundleVerifier, RefusesAGemmWhoseStridesDoNotMatchItsBatch) {
  TestBundle b;
  b.arenaBytes = 1024;
  std::vector<uint64_t> batch = {2};
  b.instruction(fb::Action::Gemm, fb::CreateGemm(b.builder, b.arena(0, {1}), b.arena(4, {1}), b.arena(8, {1}), 1, 1, 1,
                                                 1, 1, 1, false, false, 1, 0, b.builder.CreateVector(batch)));
  expectProblem(b, "0 batch strides for 1 batch dimensions");
}

TEST(BundleVerifier, RefusesAGemmWhoseStridesOverflow) {
  TestBundle b;
  b.arenaBytes = 1024;
  std::vector<uint64_t> batch = {3}, stride = {~0ull};
  auto strides = b.builder.CreateVector(stride);
  b.instruction(fb::Action::Gemm,
                fb::CreateGemm(b.builder, b.arena(0, {1}), b.arena(4, {1}), b.arena(8, {1}), 1, 1, 1, 1, 1, 1, false,
                               false, 1, 0, b.builder.CreateVector(batch), strides, strides, strides));
  expectProblem(b, "it reaches beyond 2^64");
}

TEST(BundleVerifier, RefusesAnEmptyMatrixFarOutsideItsOperand) {
  TestBundle b;
  b.arenaBytes = 64;
  std::vector<uint64_t> batch = {2}, none = {0}, far = {uint64_t(1) << 60};
  b.instruction(fb::Action::Gemm,
                fb::CreateGemm(b.builder, b.arena(0, {1}), b.arena(4, {1}), b.arena(8, {1}), 1, 1, 0, 1, 1, 1, false,
                               false, 1, 0, b.builder.CreateVector(batch), b.builder.CreateVector(far),
                               b.builder.CreateVector(none), b.builder.CreateVector(none)));
  expectProblem(b, "operand a: it reaches element 1152921504606846976 of 1");
}

TEST(BundleVerifier, RefusesAGemmWithExtentsBeyond32Bits) {
  TestBundle b;
  b.arenaBytes = 1024;
  b.gemm(b.arena(0, {1}), b.arena(4, {1}), b.arena(8, {1}), 1ull << 31, 1, 1);
  expectProblem(b, "extent 2147483648 exceeds the limit of 2147483647");
}

using Numbers = std::vector<uint64_t>;

static void keepAttention(Numbers &, Numbers &) {}

// One head of four queries and keys of width 2, forward, with lengths of a type where there is one; `change` edits
// extents and strides before they are written.
static void addAttention(TestBundle &b, const std::function<void(Numbers &, Numbers &)> &change,
                         fb::DType dtype = fb::DType::F32, std::optional<fb::DType> lengths = {},
                         bool hasMask = false) {
  std::vector<uint64_t> extents = {1, 1, 1, 4, 4, 2, 2}, strides;
  for (uint64_t width : {2, 2, 2, 2, 1})
    strides.insert(strides.end(), {4 * width, 4 * width, width, 1});
  if (lengths)
    strides.insert(strides.begin() + 12, {1, 0, 0, 0});
  change(extents, strides);
  std::vector<flatbuffers::Offset<fb::Operand>> inputs = {b.arena(0, {4, 2}, dtype), b.arena(64, {4, 2}),
                                                          b.arena(128, {4, 2})};
  if (lengths)
    inputs.push_back(b.arena(320, {1}, *lengths));
  std::vector<flatbuffers::Offset<fb::Operand>> outputs = {b.arena(192, {4, 2}), b.arena(256, {4})};
  b.arenaBytes = 1024;
  b.instruction(fb::Action::Attention,
                fb::CreateAttention(b.builder, b.builder.CreateVector(inputs), b.builder.CreateVector(outputs), false,
                                    hasMask, false, 1.0, b.builder.CreateVector(extents),
                                    b.builder.CreateVector(strides), false, lengths.has_value()));
}

TEST(BundleVerifier, RefusesAnAttentionThatLeavesItsOperand) {
  TestBundle b;
  addAttention(b, [](auto &extents, auto &) { extents[4] = 5; });
  expectProblem(b, "key: it reaches element 9 of 8");
}

TEST(BundleVerifier, RefusesAnAttentionWhoseStridesOverflow) {
  TestBundle b;
  addAttention(b, [](auto &extents, auto &strides) { extents[0] = 3, strides[0] = ~0ull; });
  expectProblem(b, "query: it reaches beyond 2^64");
}

TEST(BundleVerifier, RefusesAnAttentionOfTornVectors) {
  TestBundle b;
  addAttention(b, [](auto &, auto &strides) { strides[2] = 1, strides[7] = 2; });
  expectProblem(b, "query: expected vectors from 2 to 2147483647 elements apart, their stride is 1");
  expectProblem(b, "key: expected elements of a vector side by side, their stride is 2");
}

TEST(BundleVerifier, RefusesAnAttentionOfWrongForm) {
  TestBundle missing, empty, unknown, typed;
  addAttention(missing, [](auto &extents, auto &) { extents.pop_back(); });
  expectProblem(missing, "an attention has 7 extents, found 6");
  addAttention(empty, [](auto &extents, auto &) { extents[2] = 0; });
  expectProblem(empty, "expected extents from 1 to 2147483647, found 0");
  addAttention(unknown, [](auto &, auto &strides) { strides.pop_back(); });
  expectProblem(unknown, "expected 20 strides, found 19");
  addAttention(typed, keepAttention, fb::DType::I32);
  expectProblem(typed, "query: expected f32, f16 or bf16, found i32");
  TestBundle mixed;
  addAttention(mixed, keepAttention, fb::DType::BF16);
  expectProblem(mixed, "key: expected bf16, found f32");
}

TEST(BundleVerifier, ChecksLengthsOfAnAttention) {
  for (fb::DType type : {fb::DType::I32, fb::DType::I64}) {
    TestBundle valid;
    addAttention(valid, keepAttention, fb::DType::F32, type);
    EXPECT_EQ(problems(valid), "");
  }
  TestBundle typed, far, both, missing;
  addAttention(typed, keepAttention, fb::DType::F32, fb::DType::F32);
  expectProblem(typed, "lengths: expected i32 or i64, found f32");
  addAttention(far, [](Numbers &extents, Numbers &) { extents[0] = 2; }, fb::DType::F32, fb::DType::I32);
  expectProblem(far, "lengths: it reaches element 1 of 1");
  addAttention(both, keepAttention, fb::DType::F32, fb::DType::I32, /*hasMask=*/true);
  expectProblem(both, "an attention has a mask or lengths, found both");
  addAttention(missing, [](Numbers &, Numbers &strides) { strides.resize(20); }, fb::DType::F32, fb::DType::I32);
  expectProblem(missing, "expected 24 strides, found 20");
}

TEST(BundleVerifier, RefusesACollectiveOfWrongSizes) {
  TestBundle b;
  b.ranks = 3;
  b.arenaBytes = 1024;
  b.collective(fb::CollectiveKind::AllGather, fb::Reduction::Sum, b.arena(0, {2}), b.arena(64, {5}));
  expectProblem(b, "the source has 2 elements, the destination 5, which does not fit AllGather of 3 ranks");
}

TEST(BundleVerifier, RefusesPiecesOutsideOfTheirBuffersAndRanks) {
  auto withPieces = [](const std::vector<fb::Piece> &pieces) {
    auto b = std::make_unique<TestBundle>();
    b->ranks = 2;
    b->arenaBytes = 256;
    b->collective(fb::CollectiveKind::Transfer, fb::Reduction::Sum, b->arena(0, {4}), b->arena(128, {6}),
                  fb::Group::All, pieces);
    return b;
  };
  EXPECT_EQ(problems(*withPieces({{0, 1, 0, 2, 4}, {1, 1, 0, 0, 2}, {1, 0, 1, 0, 3}})), "");
  expectProblem(*withPieces({{0, 2, 0, 0, 1}}), "piece 0: it goes from rank 0 to rank 2 of 2");
  expectProblem(*withPieces({{0, 1, 0, 0, 1}, {0, 1, 2, 1, 3}}),
                "piece 1: 3 elements from 2 to 1 exceed a source of 4");
  expectProblem(*withPieces({{0, 1, 0, 5, 2}}), "exceed a source of 4 or a destination of 6");
  expectProblem(*withPieces({{0, 1, ~uint64_t(0), 0, 2}}), "exceed a source of 4");
  expectProblem(*withPieces({{0, 1, 0, 1, 2}, {1, 1, 0, 2, 1}}), "two pieces write element 2 of rank 1");
}

TEST(BundleVerifier, RefusesShardsThatDoNotDivideTheRanks) {
  TestBundle b;
  b.ranks = 6;
  b.shardRanks = 4;
  expectProblem(b, "shard_ranks: 4 does not divide the 6 ranks");
}

TEST(BundleVerifier, RefusesCollectivesOnSeveralStreams) {
  TestBundle b;
  b.ranks = 2;
  b.arenaBytes = 256;
  b.collective(fb::CollectiveKind::AllGather, fb::Reduction::Sum, b.arena(0, {2}), b.arena(64, {4}));
  b.instruction(fb::Action::Collective, fb::CreateCollective(b.builder, fb::CollectiveKind::AllGather,
                                                             fb::Reduction::Sum, b.arena(0, {2}), b.arena(64, {4})));
  expectProblem(b, "its collectives are on several streams");
}

TEST(BundleVerifier, RefusesACollectiveWhoseOperandsOverlap) {
  TestBundle b;
  b.ranks = 2;
  b.arenaBytes = 1024;
  b.collective(fb::CollectiveKind::ReduceScatter, fb::Reduction::Sum, b.arena(0, {4}), b.arena(8, {2}));
  expectProblem(b, "the source overlaps the destination");
}

TEST(BundleVerifier, RefusesAMeanOfIntegers) {
  TestBundle b;
  b.arenaBytes = 1024;
  b.collective(fb::CollectiveKind::AllReduce, fb::Reduction::Mean, b.arena(0, {4}, fb::DType::I64),
               b.arena(0, {4}, fb::DType::I64));
  expectProblem(b, "a mean takes floating-point elements, found i64");
}

TEST(BundleVerifier, RefusesADispatchWithTheWrongNumberOfArguments) {
  TestBundle b;
  b.arenaBytes = 64;
  b.code("code");
  b.kernel("k", 2, 1, 0);
  b.dispatch(0, {b.arena(0, {1})}, {}, "");
  expectProblem(b, "kernel 'k' takes 2 arguments, found 1");
}

TEST(BundleVerifier, RefusesADispatchOfAKernelThatDoesNotExist) {
  TestBundle b;
  b.instruction(fb::Action::Dispatch, fb::CreateDispatch(b.builder, 5));
  expectProblem(b, "kernel 5 does not exist, there are 0");
}

TEST(BundleVerifier, RefusesKernelsWithoutCodeOrRange) {
  TestBundle b;
  b.kernel("k", 0, 0, 4);
  std::string why = problems(b);
  EXPECT_NE(why.find("code object 4 does not exist"), std::string::npos) << why;
  EXPECT_NE(why.find("range: expected 1 up to 2^63 - 1, found 0"), std::string::npos) << why;
}

TEST(BundleVerifier, RefusesCodeForAnotherTarget) {
  TestBundle b;
  b.code("code", fb::CodeFormat::Ptx);
  expectProblem(b, "format Ptx does not run on target 'cpu:x86_64'");
}

TEST(BundleVerifier, RefusesACopyBetweenDifferentSizes) {
  TestBundle b;
  b.arenaBytes = 64;
  b.instruction(fb::Action::Copy, fb::CreateCopy(b.builder, b.arena(0, {2}), b.arena(16, {3})));
  expectProblem(b, "the source has 2 elements of f32, the destination 3 of f32");
}

TEST(BundleVerifier, RefusesIndicesThatAreNotIntegers) {
  TestBundle b;
  b.arenaBytes = 64;
  b.instruction(fb::Action::CheckIndex, fb::CreateCheckIndex(b.builder, b.arena(0, {2}), 10));
  expectProblem(b, "indices are integers, found f32");
}

TEST(BundleVerifier, RefusesALowestIndexAboveZero) {
  TestBundle b;
  b.arenaBytes = 64;
  b.instruction(fb::Action::CheckIndex,
                fb::CreateCheckIndex(b.builder, b.operand(fb::Space::Arena, 0, 0, {2}, fb::DType::I64), 10, false, 0,
                                     b.builder.CreateString("row"), 1));
  expectProblem(b, "the lowest index must not be positive, is 1");
}

TEST(BundleVerifier, RefusesWaitingForAnEventThatNothingRecords) {
  TestBundle b;
  b.numEvents = 1;
  b.instruction(fb::Action::Wait, fb::CreateWait(b.builder, 0));
  b.instruction(fb::Action::Record, fb::CreateRecord(b.builder, 1));
  std::string why = problems(b);
  EXPECT_NE(why.find("waits for event 0, which nothing before it records"), std::string::npos) << why;
  EXPECT_NE(why.find("event 1 does not exist, there are 1"), std::string::npos) << why;
}

TEST(BundleVerifier, RefusesAStreamThatDoesNotExist) {
  TestBundle b;
  b.numEvents = 1;
  b.instruction(fb::Action::Record, fb::CreateRecord(b.builder, 0), "", 2);
  expectProblem(b, "stream 2 does not exist, there are 2");
}

TEST(BundleVerifier, RefusesInputsThatDoNotFitTheirRole) {
  TestBundle b;
  b.input("lr", {1}, false, fb::DType::F32, fb::InputRole::LearningRate);
  b.input("lr", {}, true);
  std::string why = problems(b);
  EXPECT_NE(why.find("role LearningRate needs a scalar of f32, found f32 with 1 dimensions"), std::string::npos) << why;
  EXPECT_NE(why.find("it is cut over the ranks, but has no dimension"), std::string::npos) << why;
}

TEST(BundleVerifier, RefusesABatchRangeThatIsEmpty) {
  TestBundle b;
  b.minBatch = 4;
  b.maxBatch = 2;
  expectProblem(b, "its smallest batch 4 exceeds its largest 2");
}

TEST(BundleVerifier, RefusesParametersOutsideOfTheirBucket) {
  TestBundle b;
  b.ranks = 2;
  b.state("s", 4);
  b.bucket("layer", 4, 0);
  b.parameter("w", {3, 3}, 0, 0, 0, "", "zeros");
  expectProblem(b, "parameter 'w': elements from 0, 9 of them, exceed the 8 of bucket 'layer'");
}

TEST(BundleVerifier, RefusesParametersThatOverlap) {
  TestBundle b;
  b.state("s", 8);
  b.bucket("layer", 8, 0);
  b.parameter("v", {4}, 0, 2, 0, "", "zeros");
  b.parameter("w", {3}, 0, 0, 0, "", "zeros");
  expectProblem(b, "parameters 'w' and 'v' overlap in bucket 'layer'");
}

TEST(BundleVerifier, RefusesABucketWhoseStateHasAnotherSize) {
  TestBundle b;
  b.state("s", 5);
  b.bucket("layer", 8, 0);
  b.bucket("other", 8, 1);
  std::string why = problems(b);
  EXPECT_NE(why.find("state 's' has 5 elements, a slice has 8"), std::string::npos) << why;
  EXPECT_NE(why.find("bucket 1 'other': state 1 does not exist, there are 1"), std::string::npos) << why;
}

TEST(BundleVerifier, RefusesParametersWithoutPlaceNameOrSource) {
  TestBundle b;
  b.state("s", 1);
  b.parameter("v", {2}, -1, 0, 0, "", "zeros");
  b.parameter("v", {1}, 7, 0, 0, "", "confetti");
  b.parameter("w", {1}, -1, 0, 6, "", "ones");
  std::string why = problems(b);
  EXPECT_NE(why.find("it has 2 elements of f32, its state 's' has 1"), std::string::npos) << why;
  EXPECT_NE(why.find("parameter name 'v' occurs twice"), std::string::npos) << why;
  EXPECT_NE(why.find("bucket 7 does not exist"), std::string::npos) << why;
  EXPECT_NE(why.find("expected 'zeros', 'ones' or 'normal', found 'confetti'"), std::string::npos) << why;
  EXPECT_NE(why.find("state 6 does not exist"), std::string::npos) << why;
}

TEST(BundleVerifier, RefusesWeightsWhoseStridesOverflow) {
  TestBundle b;
  b.state("s", 4);
  b.parameter("w", {4}, -1, 0, 0, "entry", "", fb::DType::F32, {1ull << 62});
  expectProblem(b, "the strides of its weight overflow");
}
