// Parameters of a model as the planner sees them, and how blocks store them.
#ifndef RADDLE_PLAN_PARAMETER_H
#define RADDLE_PLAN_PARAMETER_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace raddle::plan {

/// What of a matrix must stay on one rank.
struct Block {
  enum class Kind {
    None, ///< single elements
    Tile, ///< rows x columns, stored in panels of `columns` columns
    Rows, ///< so many whole rows, stored row-major
  };
  Kind kind = Kind::None;
  int64_t rows = 1;
  int64_t columns = 1;

  bool operator==(const Block &other) const {
    return kind == other.kind && rows == other.rows && columns == other.columns;
  }
};

/// Reads "RxC", "rows:R" or "none".
std::optional<Block> parseBlock(std::string_view text);

struct Parameter {
  std::string name;
  std::vector<int64_t> shape;
  std::string dtype;
  std::string bucket;         ///< empty: from the name
  std::optional<Block> block; ///< without one, that of the options
  int64_t unit = 0; ///< elements that stay together in row-major order, instead of a block; 0: as the block says
  int bits = 0;     ///< of an element of a dtype that `bitsOf` does not know; 0: it does
};

/// Bits of an element of a dtype by its name (`bf16`, `f32`, `f8e4m3`, ...; torch's and safetensors' names as well), or
/// 0.
int bitsOf(std::string_view dtype);

/// Number of elements; nothing where an extent is negative or the product is beyond what the planner takes.
std::optional<int64_t> countElements(const std::vector<int64_t> &shape);

/// Where a part lies in a matrix that blocks do not divide.
enum class Region { Interior, Right, Lower, Corner };
const char *nameOf(Region region);

/// What is stored contiguously of one parameter: all its blocks of one size. Leading dimensions count matrices.
struct Part {
  Region region;
  int64_t elements;
  int64_t unit; ///< elements of one block
};

/// The parts of a tensor in blocks, at most four, without empty ones, but at least one. `ofOption` says that the block
/// was not asked for this tensor: then a tensor of fewer than two dimensions, which is no matrix, has none. Otherwise
/// it is one row.
std::vector<Part> partsOf(const std::vector<int64_t> &shape, const Block &block, bool ofOption);

/// The unit of a tensor that is stored as a whole, row-major: so many whole rows as a block has, which must not begin
/// in the middle of one of several matrices: then it is a matrix. The last unit may be shorter. 1 without elements.
int64_t rowMajorUnit(const std::vector<int64_t> &shape, int64_t blockRows);

/// The layer that a parameter belongs to: its name up to and with the first component that is a number, or nothing.
std::string_view layerOf(std::string_view name);

/// The default bucket of a parameter: its layer, or outside of layers its own name from some size on, else "rest".
std::string_view defaultBucket(std::string_view name, int64_t bytes);

} // namespace raddle::plan

#endif // RADDLE_PLAN_PARAMETER_H
