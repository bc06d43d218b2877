// Bundles made by hand.
#pragma once

#include "raddle/Bundle/bundle_generated.h"

#include <string>
#include <vector>

namespace fb = raddle::bundle;

/// Collects the parts of a bundle with one entry point of one variant. Members may be changed before finish().
class TestBundle {
public:
  flatbuffers::FlatBufferBuilder builder;

  uint32_t version = 1;
  uint32_t ranks = 1, shardRanks = 0;
  std::string target = "cpu:x86_64", codeTarget = "cpu:x86_64";
  std::string entry = "main";
  std::string weights;
  uint64_t arenaBytes = 0;
  uint32_t numStreams = 2, numEvents = 0;
  uint64_t minBatch = 0, maxBatch = 0;
  float learningRate = 0.5f;

  using Shape = std::vector<uint64_t>;

  flatbuffers::Offset<fb::Operand> operand(fb::Space space, uint32_t index, uint64_t offset, const Shape &shape,
                                           fb::DType dtype = fb::DType::F32);
  flatbuffers::Offset<fb::Operand> arena(uint64_t offset, const Shape &shape, fb::DType dtype = fb::DType::F32) {
    return operand(fb::Space::Arena, 0, offset, shape, dtype);
  }

  uint32_t state(const std::string &name, uint64_t elements, fb::DType dtype = fb::DType::F32);
  uint32_t bucket(const std::string &name, uint64_t shardElements, uint32_t paramState);
  uint32_t constant(const std::string &bytes);
  uint32_t kernel(const std::string &symbol, uint32_t arguments, uint64_t range, uint32_t code);
  /// A kernel that a GPU launches.
  uint32_t launched(const std::string &symbol, uint32_t arguments, const std::vector<uint32_t> &grid, uint32_t warps,
                    uint32_t code, uint32_t trailing = 0, uint64_t scratch = 0);
  uint32_t code(const std::string &bytes, fb::CodeFormat format = fb::CodeFormat::ElfShared);
  void input(const std::string &name, const Shape &shape, bool batched, fb::DType dtype = fb::DType::F32,
             fb::InputRole role = fb::InputRole::Batch);
  void output(const std::string &name, const Shape &shape, bool batched, fb::DType dtype = fb::DType::F32);

  /// A parameter in a bucket, or with bucket -1 in a state. Without an entry, `init` says how it is filled.
  void parameter(const std::string &name, const Shape &shape, int bucket, uint64_t offset, uint32_t state,
                 const std::string &entry, const std::string &init, fb::DType sourceType = fb::DType::F32,
                 Shape strides = {}, uint64_t sourceOffset = 0, const std::vector<std::string> &aliases = {});

  template <typename Table>
  void instruction(fb::Action type, flatbuffers::Offset<Table> action, const std::string &name = "",
                   uint32_t stream = 0) {
    instructions.push_back(fb::CreateInstruction(builder, type, action.Union(), stream, builder.CreateString(name)));
  }
  void gemm(flatbuffers::Offset<fb::Operand> a, flatbuffers::Offset<fb::Operand> b, flatbuffers::Offset<fb::Operand> c,
            uint64_t m, uint64_t n, uint64_t k, bool transposeA = false, bool transposeB = false, float alpha = 1,
            float beta = 0);
  /// A collective on the stream of communication, which waits for compute before and lets it go on afterwards.
  void collective(fb::CollectiveKind kind, fb::Reduction reduction, flatbuffers::Offset<fb::Operand> src,
                  flatbuffers::Offset<fb::Operand> dst, fb::Group group = fb::Group::All,
                  const std::vector<fb::Piece> &pieces = {});
  /// A kernel's call on the stream that computes.
  void dispatch(uint32_t kernel, const std::vector<flatbuffers::Offset<fb::Operand>> &ins,
                const std::vector<flatbuffers::Offset<fb::Operand>> &outs, const std::string &name);

  /// The FlatBuffer. Call once.
  std::vector<uint8_t> finish();

private:
  std::vector<flatbuffers::Offset<fb::State>> states;
  std::vector<flatbuffers::Offset<fb::Bucket>> buckets;
  std::vector<flatbuffers::Offset<fb::Constant>> constants;
  std::vector<flatbuffers::Offset<fb::Kernel>> kernels;
  std::vector<flatbuffers::Offset<fb::CodeObject>> codes;
  std::vector<flatbuffers::Offset<fb::Parameter>> parameters;
  std::vector<flatbuffers::Offset<fb::Input>> inputs;
  std::vector<flatbuffers::Offset<fb::Output>> outputs;
  std::vector<flatbuffers::Offset<fb::Instruction>> instructions;

  flatbuffers::Offset<flatbuffers::Vector<uint8_t>> alignedBytes(const std::string &bytes);
};

/// One training step of y = x * W on `ranks` ranks: W [6, 4] in one bucket, x [rows, 6] over all ranks, outputs "y" and
/// "loss" (mean over ranks of the sum of y * y); W -= 0.5 * mean over ranks of x^T * y. W is cut over the ranks of each
/// of `replicas` groups. No kernel has to be compiled, so that `target` may be any.
std::vector<uint8_t> linearTraining(uint32_t ranks, uint64_t rows, uint32_t replicas = 1,
                                    const std::string &target = "cpu:x86_64");

/// Where linearTraining finds W's bytes.
constexpr const char *linearEntry = "model/data/weights/weight_0";
constexpr uint64_t linearInputs = 6, linearOutputs = 4;
/// Inputs of linearTraining, others in each step.
std::vector<float> linearBatch(uint64_t rows, int step);

/// W as tests begin with it.
std::vector<float> linearWeights();

/// What linearTraining computes, of the whole batch and in doubles, without ranks and instructions.
struct LinearReference {
  std::vector<double> w;

  LinearReference();
  /// Gives the loss, and `y`, of a step; x [rows, 6] is the batch of `ranks` ranks.
  double step(const std::vector<float> &x, std::vector<double> &y, uint32_t ranks);
};
