// Matrix products through cuBLASLt, loaded when a bundle needs it.
#pragma once

#include "Driver.h"

#include "raddle/runtime/CpuOperations.h"

#include <functional>
#include <memory>
#include <vector>

namespace raddle::runtime::cuda {

/// Batches of a product: `count` of them with these strides in one call, and the calls that are left, each at an offset
/// of every operand in elements.
struct BatchPlan {
  struct Offsets {
    int64_t a, b, c;
  };
  int64_t count = 1;
  Offsets strides{0, 0, 0};
  std::vector<Offsets> calls;
};

/// Joins loops of batches that all operands walk without a jump, and gives the longest to one call. Batches that write
/// the same place stay apart and in order.
BatchPlan planBatches(const GemmProblem &problem);

/// cuBLASLt on one stream. Single precision is computed in single precision, not in TF32; 16 bits are summed in single
/// precision.
class BlasLt {
public:
  // What cuBLAS's own interface uses on Hopper.
  static constexpr size_t workspaceBytes = 32u << 20;

  /// `remembered`: the file of choices of other processes on a GPU of this name; empty: of none.
  BlasLt(Stream stream, const std::string &gpu, const std::string &remembered);
  ~BlasLt();
  BlasLt(const BlasLt &) = delete;
  BlasLt &operator=(const BlasLt &) = delete;

  /// As those of Gpu. Throw Error.
  size_t prepare(const GemmProblem &problem, const GemmOperands &operands);
  void run(size_t prepared, const GemmOperands &operands);
  size_t unmeasured() const;
  void measure(const std::function<void(size_t, size_t)> &progress);

  /// Of a prepared product: seconds that each candidate takes on its operands, the library's own first choice first.
  std::vector<double> timeCandidates(size_t prepared);

private:
  struct Implementation;
  std::unique_ptr<Implementation> impl;
};

} // namespace raddle::runtime::cuda
