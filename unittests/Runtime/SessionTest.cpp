#include "TestBundle.h"
#include "TestFolder.h"
#include "TestKernels.h"

#include "raddle/runtime/BundleFile.h"
#include "raddle/runtime/Error.h"
#include "raddle/runtime/Session.h"

#include <gtest/gtest.h>
#include <simdjson.h>
#include <zip.h>

using namespace raddle::runtime;

static std::string writeBundle(const TestFolder &folder, const std::vector<uint8_t> &bytes) {
  std::string path = folder.file("a.raddle"), why;
  EXPECT_TRUE(verifyBundle(bytes.data(), bytes.size(), why)) << why;
  EXPECT_EQ(writeBundleFile(path, bytes.data(), bytes.size()), std::nullopt);
  return path;
}

static void writeWeights(const TestFolder &folder) {
  static const std::vector<float> values = linearWeights();
  zip_t *archive = zip_open(folder.file("model.pt2").c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  zip_int64_t index = zip_file_add(archive, linearEntry,
                                   zip_source_buffer(archive, values.data(), values.size() * sizeof(float), 0), 0);
  zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), ZIP_CM_STORE, 0);
  zip_close(archive);
}

static constexpr uint64_t rows = 12;

static void expectEqualToTheWholeProblem(uint32_t ranks, uint32_t replicas) {
  TestFolder folder;
  writeWeights(folder);
  SessionOptions options;
  options.threads = 2;
  Session session(writeBundle(folder, linearTraining(ranks, rows, replicas)), options);
  LinearReference reference;
  size_t entry = session.findEntry("train_step");
  for (int step = 1; step <= 5; ++step) {
    std::vector<float> x = linearBatch(rows, step), y(rows * linearOutputs);
    float loss = 0;
    int64_t counted = 0;
    std::vector<HostArray> inputs = {{x.data(), DType::F32, {rows, linearInputs}}};
    session.run(entry, session.selectVariant(entry, inputs), inputs, {y.data(), &loss, &counted});
    std::vector<double> expected;
    EXPECT_NEAR(loss, reference.step(x, expected, ranks), 1e-5);
    for (size_t i = 0; i < y.size(); ++i)
      ASSERT_NEAR(y[i], expected[i], 1e-5);
    EXPECT_EQ(counted, step);
  }
  std::vector<float> w(linearInputs * linearOutputs);
  session.readParameter(session.findParameter("head.weight"), w.data(), DType::F32);
  for (size_t i = 0; i < w.size(); ++i)
    EXPECT_NEAR(w[i], reference.w[i], 1e-5);
  EXPECT_EQ(session.statistics().runs, 5u);
  EXPECT_EQ(session.statistics().bytesCommunicated == 0, ranks == 1);
}

class Training : public testing::TestWithParam<uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Session, Training, testing::Values(1, 2, 3, 4, 6));

TEST_P(Training, EqualsTheWholeProblemOnAnyNumberOfRanks) { expectEqualToTheWholeProblem(GetParam(), 1); }

TEST(Session, ReplicasOfShardsEqualTheWholeProblem) {
  for (auto [ranks, replicas] : {std::pair<uint32_t, uint32_t>{4, 2}, {6, 2}, {6, 3}, {4, 4}}) {
    SCOPED_TRACE(std::to_string(ranks) + " ranks, " + std::to_string(replicas) + " replicas");
    expectEqualToTheWholeProblem(ranks, replicas);
  }
}

TEST_P(Training, ParametersReadBackAsTheyWereWritten) {
  TestFolder folder;
  writeWeights(folder);
  Session session(writeBundle(folder, linearTraining(GetParam(), rows)));
  size_t parameter = session.findParameter("layer.weight");
  EXPECT_EQ(session.parameters()[parameter].aliases, std::vector<std::string>{"head.weight"});
  std::vector<float> read(linearInputs * linearOutputs);
  session.readParameter(parameter, read.data(), DType::F32);
  EXPECT_EQ(read, linearWeights());
  std::vector<double> changed(read.begin(), read.end());
  for (double &value : changed)
    value += 2;
  session.writeParameter(parameter, changed.data(), DType::F64);
  std::vector<double> again(changed.size());
  session.readParameter(parameter, again.data(), DType::F64);
  for (size_t i = 0; i < again.size(); ++i)
    EXPECT_FLOAT_EQ(static_cast<float>(again[i]), static_cast<float>(changed[i]));
  EXPECT_THROW(session.writeParameter(parameter, changed.data(), DType::I64), InvalidArgument);
}

TEST(Session, RefusesInputsThatDoNotFit) {
  TestFolder folder;
  writeWeights(folder);
  Session session(writeBundle(folder, linearTraining(2, rows)));
  size_t entry = session.findEntry("train_step");
  std::string why = errorOf([&] { session.selectVariant(entry, {{nullptr, DType::F64, {7, linearInputs}}}); });
  EXPECT_NE(why.find("input 'x': expected f32 [12, 6], found f64 [7, 6] (a batch of 7 does not divide by 2 ranks)"),
            std::string::npos)
      << why;
  EXPECT_NE(errorOf([&] { session.selectVariant(entry, {}); }).find("expected 1 inputs, found 0"), std::string::npos);
  EXPECT_NE(errorOf([&] { session.findEntry("decode"); }).find("no entry 'decode', it has 'train_step'"),
            std::string::npos);
  EXPECT_THROW(session.findParameter("nothing"), InvalidArgument);
}

TEST(Session, NamesMissingWeights) {
  TestFolder folder;
  std::string path = writeBundle(folder, linearTraining(1, rows));
  EXPECT_NE(errorOf([&] { Session session(path); }).find("model.pt2"), std::string::npos);
}

TEST(Session, WritesATraceThatIsJson) {
  TestFolder folder;
  writeWeights(folder);
  SessionOptions options;
  options.trace = true;
  Session session(writeBundle(folder, linearTraining(2, rows)), options);
  std::vector<float> x = linearBatch(rows, 1), y(rows * linearOutputs);
  float loss;
  int64_t step;
  session.run(0, 0, {{x.data(), DType::F32, {rows, linearInputs}}}, {y.data(), &loss, &step});
  session.writeTrace(folder.file("trace.json"));
  simdjson::dom::parser parser;
  simdjson::dom::array events;
  ASSERT_EQ(parser.load(folder.file("trace.json"))["traceEvents"].get(events), simdjson::SUCCESS);
  size_t complete = 0;
  for (simdjson::dom::element event : events)
    complete += std::string_view(event["ph"]) == "X";
  // Two ranks with nine instructions each, and two waits for each of three collectives.
  EXPECT_EQ(complete, 2 * (9u + 3 * 2));
}

// A lookup of two indices on every rank; rank 1 of two gets a bad one where `values` has it.
static std::vector<uint8_t> indexCheck() {
  TestBundle b;
  b.ranks = 2;
  b.arenaBytes = 64;
  b.input("ids", {2}, true, fb::DType::I64);
  b.output("sum", {1}, false);
  b.instruction(fb::Action::CheckIndex,
                fb::CreateCheckIndex(b.builder, b.operand(fb::Space::Input, 0, 0, {2}, fb::DType::I64), 10, true, -100,
                                     b.builder.CreateString("row of the embedding 'wte'")),
                "lookup");
  b.instruction(fb::Action::Zero, fb::CreateZero(b.builder, b.arena(0, {1})));
  b.collective(fb::CollectiveKind::AllReduce, fb::Reduction::Sum, b.arena(0, {1}),
               b.operand(fb::Space::Output, 0, 0, {1}));
  return b.finish();
}

TEST(Session, ABadIndexOnOneRankStopsAllAndTheSessionGoesOn) {
  TestFolder folder;
  Session session(writeBundle(folder, indexCheck()));
  float sum = 5;
  std::vector<int64_t> bad = {0, -100, 9, 10}, good = {0, 1, 2, 3};
  for (int round = 0; round < 20; ++round) {
    std::string why = errorOf([&] { session.run(0, 0, {{bad.data(), DType::I64, {4}}}, {&sum}); });
    EXPECT_EQ(why, "rank 1, instruction 'lookup': row of the embedding 'wte': expected 0 to 9 or -100, found 10 at "
                   "position 1 of this rank's indices");
    session.run(0, 0, {{good.data(), DType::I64, {4}}}, {&sum});
    EXPECT_EQ(sum, 0);
  }
}

static std::vector<uint8_t> kernelCall(const std::string &symbol) {
  TestBundle b;
  b.ranks = 2;
  b.code(testKernels());
  b.kernel(symbol, 3, 1000, 0);
  float bias = 0.5f;
  b.constant(std::string(reinterpret_cast<const char *>(&bias), sizeof(bias)));
  b.input("x", {1000}, true);
  b.output("y", {1000}, true);
  b.dispatch(0, {b.operand(fb::Space::Input, 0, 0, {1000}), b.operand(fb::Space::Constant, 0, 0, {1})},
             {b.operand(fb::Space::Output, 0, 0, {1000})}, "scale");
  return b.finish();
}

TEST(Session, RunsAKernelOfTheBundleOnSeveralThreads) {
  TestFolder folder;
  SessionOptions options;
  options.threads = 3;
  Session session(writeBundle(folder, kernelCall("scale_and_shift")), options);
  std::vector<float> x(2000), y(2000);
  for (size_t i = 0; i < x.size(); ++i)
    x[i] = static_cast<float>(i);
  session.run(0, 0, {{x.data(), DType::F32, {2000}}}, {y.data()});
  for (size_t i = 0; i < y.size(); ++i)
    ASSERT_EQ(y[i], 2 * x[i] + 0.5f);
}

TEST(Session, NamesKernelsThatTheCodeLacks) {
  TestFolder folder;
  std::string path = writeBundle(folder, kernelCall("no_such_kernel"));
  EXPECT_NE(errorOf([&] { Session session(path); }).find("lacks these kernels: no_such_kernel"), std::string::npos);
}

TEST(Session, RefusesCodeForAProcessorThatThisIsNot) {
  TestFolder folder;
  TestBundle b;
  b.codeTarget = "cpu:x86_64-pc-linux-gnu:x86-64-v9";
  b.code("code that must not be loaded");
  std::string path = writeBundle(folder, b.finish());
  EXPECT_NE(errorOf([&] { Session session(path); }).find("need a processor of level x86-64-v9, this machine's has"),
            std::string::npos);
}

TEST(Session, RefusesCodeThatIsNoSharedObject) {
  TestFolder folder;
  TestBundle b;
  b.code("not an object");
  std::string path = writeBundle(folder, b.finish());
  EXPECT_NE(errorOf([&] { Session session(path); }).find("cannot load code object 0"), std::string::npos);
}

TEST(Session, RefusesMemoryThatCannotBeHad) {
  TestFolder folder;
  TestBundle b;
  b.arenaBytes = 1ull << 62;
  std::string path = writeBundle(folder, b.finish());
  EXPECT_NE(errorOf([&] { Session session(path); }).find("cannot allocate an arena"), std::string::npos);
}
