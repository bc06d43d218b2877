#include "TestBundle.h"

flatbuffers::Offset<fb::Operand> TestBundle::operand(fb::Space space, uint32_t index, uint64_t offset,
                                                     const Shape &shape, fb::DType dtype) {
  return fb::CreateOperand(builder, space, index, offset, dtype, builder.CreateVector(shape));
}

uint32_t TestBundle::state(const std::string &name, uint64_t elements, fb::DType dtype) {
  states.push_back(fb::CreateState(builder, builder.CreateString(name), fb::StateKind::Parameter, dtype, elements));
  return static_cast<uint32_t>(states.size() - 1);
}

uint32_t TestBundle::bucket(const std::string &name, uint64_t shardElements, uint32_t paramState) {
  buckets.push_back(fb::CreateBucket(builder, builder.CreateString(name), fb::DType::F32, shardElements, paramState));
  return static_cast<uint32_t>(buckets.size() - 1);
}

flatbuffers::Offset<flatbuffers::Vector<uint8_t>> TestBundle::alignedBytes(const std::string &bytes) {
  builder.ForceVectorAlignment(bytes.size(), 1, 64);
  return builder.CreateVector(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size());
}

uint32_t TestBundle::constant(const std::string &bytes) {
  auto data = alignedBytes(bytes);
  constants.push_back(fb::CreateConstant(builder, builder.CreateString("constant"), data));
  return static_cast<uint32_t>(constants.size() - 1);
}

uint32_t TestBundle::code(const std::string &bytes, fb::CodeFormat format) {
  auto data = alignedBytes(bytes);
  codes.push_back(fb::CreateCodeObject(builder, format, builder.CreateString(codeTarget), data));
  return static_cast<uint32_t>(codes.size() - 1);
}

uint32_t TestBundle::kernel(const std::string &symbol, uint32_t arguments, uint64_t range, uint32_t code) {
  auto name = builder.CreateString(symbol);
  kernels.push_back(fb::CreateKernel(builder, name, code, name, arguments, range));
  return static_cast<uint32_t>(kernels.size() - 1);
}

uint32_t TestBundle::launched(const std::string &symbol, uint32_t arguments, const std::vector<uint32_t> &grid,
                              uint32_t warps, uint32_t code, uint32_t trailing, uint64_t scratch) {
  auto name = builder.CreateString(symbol);
  kernels.push_back(fb::CreateKernel(builder, name, code, name, arguments, /*range=*/1, /*shared_bytes=*/0, warps,
                                     /*num_ctas=*/1, trailing, scratch, builder.CreateVector(grid)));
  return static_cast<uint32_t>(kernels.size() - 1);
}

void TestBundle::input(const std::string &name, const Shape &shape, bool batched, fb::DType dtype, fb::InputRole role) {
  inputs.push_back(
      fb::CreateInput(builder, builder.CreateString(name), role, dtype, builder.CreateVector(shape), batched));
}

void TestBundle::output(const std::string &name, const Shape &shape, bool batched, fb::DType dtype) {
  outputs.push_back(fb::CreateOutput(builder, builder.CreateString(name), dtype, builder.CreateVector(shape), batched));
}

void TestBundle::parameter(const std::string &name, const Shape &shape, int bucket, uint64_t offset, uint32_t state,
                           const std::string &entry, const std::string &init, fb::DType sourceType, Shape strides,
                           uint64_t sourceOffset, const std::vector<std::string> &aliases) {
  if (strides.empty()) {
    strides.resize(shape.size());
    uint64_t next = 1;
    for (size_t i = shape.size(); i-- > 0; next *= shape[i])
      strides[i] = next;
  }
  auto source = fb::CreateWeightSource(builder, builder.CreateString(entry), sourceType, sourceOffset,
                                       builder.CreateVector(strides), builder.CreateString(init), 1.0);
  parameters.push_back(fb::CreateParameter(builder, builder.CreateString(name), builder.CreateVectorOfStrings(aliases),
                                           false, true, false, fb::DType::F32, builder.CreateVector(shape), source,
                                           bucket, offset, state));
}

void TestBundle::gemm(flatbuffers::Offset<fb::Operand> a, flatbuffers::Offset<fb::Operand> b,
                      flatbuffers::Offset<fb::Operand> c, uint64_t m, uint64_t n, uint64_t k, bool transposeA,
                      bool transposeB, float alpha, float beta) {
  instruction(fb::Action::Gemm,
              fb::CreateGemm(builder, a, b, c, m, n, k, transposeA ? m : k, transposeB ? k : n, n, transposeA,
                             transposeB, alpha, beta),
              "gemm");
}

void TestBundle::dispatch(uint32_t kernel, const std::vector<flatbuffers::Offset<fb::Operand>> &ins,
                          const std::vector<flatbuffers::Offset<fb::Operand>> &outs, const std::string &name) {
  auto read = builder.CreateVector(ins), written = builder.CreateVector(outs);
  instruction(fb::Action::Dispatch, fb::CreateDispatch(builder, kernel, read, written), name);
}

void TestBundle::collective(fb::CollectiveKind kind, fb::Reduction reduction, flatbuffers::Offset<fb::Operand> src,
                            flatbuffers::Offset<fb::Operand> dst, fb::Group group,
                            const std::vector<fb::Piece> &pieces) {
  constexpr uint32_t compute = 0, communication = 1;
  uint32_t ready = numEvents++, done = numEvents++;
  flatbuffers::Offset<flatbuffers::Vector<const fb::Piece *>> list;
  if (!pieces.empty())
    list = builder.CreateVectorOfStructs(pieces);
  instruction(fb::Action::Record, fb::CreateRecord(builder, ready), "", compute);
  instruction(fb::Action::Wait, fb::CreateWait(builder, ready), "", communication);
  instruction(fb::Action::Collective, fb::CreateCollective(builder, kind, reduction, src, dst, group, list),
              "collective", communication);
  instruction(fb::Action::Record, fb::CreateRecord(builder, done), "", communication);
  instruction(fb::Action::Wait, fb::CreateWait(builder, done), "", compute);
}

std::vector<uint8_t> TestBundle::finish() {
  auto variant =
      fb::CreateVariant(builder, minBatch, maxBatch, arenaBytes, numStreams, numEvents, builder.CreateVector(inputs),
                        builder.CreateVector(outputs), builder.CreateVector(instructions));
  auto variants = builder.CreateVector(&variant, 1);
  auto point = fb::CreateEntryPoint(builder, builder.CreateString(entry), variants);
  auto entries = builder.CreateVector(&point, 1);
  auto root =
      fb::CreateBundle(builder, version, builder.CreateString("test"), builder.CreateString(target), ranks,
                       builder.CreateString(weights), 7, learningRate, builder.CreateVector(parameters),
                       builder.CreateVector(buckets), builder.CreateVector(states), builder.CreateVector(constants),
                       builder.CreateVector(codes), builder.CreateVector(kernels), entries, shardRanks);
  fb::FinishBundleBuffer(builder, root);
  return std::vector<uint8_t>(builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize());
}

std::vector<uint8_t> linearTraining(uint32_t ranks, uint64_t rows, uint32_t replicas, const std::string &target) {
  constexpr uint64_t width = sizeof(float);
  uint64_t shards = ranks / replicas;
  uint64_t elements = linearInputs * linearOutputs, slice = (elements + shards - 1) / shards, whole = slice * shards;
  uint64_t part = rows / ranks;
  TestBundle b;
  b.target = target;
  b.ranks = ranks;
  b.shardRanks = static_cast<uint32_t>(shards);
  b.entry = "train_step";
  b.weights = "model.pt2";
  b.state("layer.param", slice);
  b.bucket("layer", slice, 0);
  b.parameter("layer.weight", {linearInputs, linearOutputs}, 0, 0, 0, linearEntry, "", fb::DType::F32, {}, 0,
              {"head.weight"});
  float one = 1;
  b.constant(std::string(reinterpret_cast<const char *>(&one), sizeof(one)));
  b.input("x", {part, linearInputs}, true);
  b.input("step", {}, false, fb::DType::I64, fb::InputRole::Step);
  b.output("y", {part, linearOutputs}, true);
  b.output("loss", {}, false);
  b.output("step", {}, false, fb::DType::I64);
  uint64_t gathered = 0, gradient = whole * width, reduced = 2 * whole * width, sum = reduced + slice * width;
  b.arenaBytes = sum + width;

  using Space = fb::Space;
  auto x = [&] { return b.operand(Space::Input, 0, 0, {part, linearInputs}); };
  auto y = [&] { return b.operand(Space::Output, 0, 0, {part, linearOutputs}); };
  auto w = [&] { return b.operand(Space::State, 0, 0, {slice}); };
  b.collective(fb::CollectiveKind::AllGather, fb::Reduction::Sum, w(), b.arena(gathered, {whole}), fb::Group::Shards);
  b.gemm(x(), b.arena(gathered, {linearInputs, linearOutputs}), y(), part, linearOutputs, linearInputs);
  b.gemm(y(), y(), b.arena(sum, {1}), 1, 1, part * linearOutputs);
  b.collective(fb::CollectiveKind::AllReduce, fb::Reduction::Mean, b.arena(sum, {1}),
               b.operand(Space::Output, 1, 0, {1}));
  b.instruction(fb::Action::Zero, fb::CreateZero(b.builder, b.arena(gradient, {whole})));
  b.gemm(x(), y(), b.arena(gradient, {linearInputs, linearOutputs}), linearInputs, linearOutputs, part, true);
  b.collective(fb::CollectiveKind::ReduceScatter, fb::Reduction::Mean, b.arena(gradient, {whole}),
               b.arena(reduced, {slice}), fb::Group::Shards);
  if (replicas > 1)
    b.collective(fb::CollectiveKind::AllReduce, fb::Reduction::Mean, b.arena(reduced, {slice}),
                 b.arena(reduced, {slice}), fb::Group::Replicas);
  b.gemm(b.operand(Space::Constant, 0, 0, {1}), b.arena(reduced, {slice}), w(), 1, slice, 1, false, false, -0.5f, 1);
  b.instruction(fb::Action::Copy, fb::CreateCopy(b.builder, b.operand(Space::Input, 1, 0, {}, fb::DType::I64),
                                                 b.operand(Space::Output, 2, 0, {}, fb::DType::I64)));
  return b.finish();
}

std::vector<float> linearBatch(uint64_t rows, int step) {
  std::vector<float> x(rows * linearInputs);
  for (size_t i = 0; i < x.size(); ++i)
    x[i] = 0.1f * static_cast<float>((static_cast<int>(i) * 7 + step * 3) % 9 - 4);
  return x;
}

std::vector<float> linearWeights() {
  std::vector<float> values(linearInputs * linearOutputs);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = 0.1f * static_cast<float>(i % 5) - 0.2f;
  return values;
}

LinearReference::LinearReference() {
  std::vector<float> first = linearWeights();
  w.assign(first.begin(), first.end());
}

double LinearReference::step(const std::vector<float> &x, std::vector<double> &y, uint32_t ranks) {
  size_t rows = x.size() / linearInputs;
  y.assign(rows * linearOutputs, 0);
  for (size_t r = 0; r < rows; ++r)
    for (size_t c = 0; c < linearOutputs; ++c)
      for (size_t k = 0; k < linearInputs; ++k)
        y[r * linearOutputs + c] += x[r * linearInputs + k] * w[k * linearOutputs + c];
  double loss = 0;
  for (double value : y)
    loss += value * value / ranks;
  for (size_t k = 0; k < linearInputs; ++k)
    for (size_t c = 0; c < linearOutputs; ++c) {
      double gradient = 0;
      for (size_t r = 0; r < rows; ++r)
        gradient += x[r * linearInputs + k] * y[r * linearOutputs + c];
      w[k * linearOutputs + c] -= 0.5 * gradient / ranks;
    }
  return loss;
}
