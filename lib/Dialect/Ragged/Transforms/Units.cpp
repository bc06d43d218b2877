// Units of parameters, from what the program does with them.
#include "Units.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace raddle;
using namespace raddle::ragged;

LogicalResult Cut::add(FunctionOpInterface function, unsigned argument) {
  if (auto array = function.getArgAttrOfType<ArrayAttr>(argument, kKeepAttr))
    for (auto keep : array.getAsRange<KeepAttr>())
      keeps.insert(keep);
  auto asked = function.getArgAttrOfType<LayoutAttr>(argument, kLayoutAttr);
  if (!asked)
    return success();
  if (layout && layout != asked)
    return function.emitError("parameter ")
           << name << " asks for " << asked << " here and for " << layout << " in another function";
  layout = asked;
  if (layout.getOrder() != StorageOrder::RowMajor)
    return function.emitError("parameter ")
           << name << " asks for panels, which no kernel of this target reads: expected "
           << "the order row_major";
  return success();
}

FailureOr<int64_t> Cut::unit(Operation *op, const plan::Block &block) const {
  // Rows that stay together, and who asks; none where any element may be the last.
  int64_t height = type.getRank() < 2 ? 1 : type.getShape()[type.getRank() - 2];
  int64_t rows = 0;
  StringRef cause;
  auto require = [&](int64_t more, StringRef who) {
    more = std::min(more, height);
    if (rows != 0 && more % rows != 0 && rows % more != 0)
      return failure();
    if (more > rows) {
      rows = more;
      cause = who;
    }
    return success();
  };
  int64_t elements = type.getNumElements();
  bool isWhole = false;
  for (KeepAttr keep : keeps) {
    if (keep.getBlock().empty())
      isWhole = true;
    else if (failed(require(keep.getBlock().front(), keep.getCause())))
      return op->emitError("parameter ") << name << ": '" << cause << "' keeps " << rows << " rows together, '"
                                         << keep.getCause() << "' keeps " << keep.getBlock().front()
                                         << ": expected numbers of which one divides the other";
  }
  if (block.kind != plan::Block::Kind::None && type.getRank() >= 2 && failed(require(block.rows, "option block")))
    return op->emitError("parameter ") << name << ": '" << cause << "' keeps " << rows
                                       << " rows together, option block keeps " << block.rows
                                       << ": expected numbers of which one divides the other";
  if (elements == 0)
    return 1;
  int64_t unit = isWhole ? elements : rows == 0 ? 1 : plan::rowMajorUnit(type.getShape().vec(), rows);
  if (layout && layout.getUnit() % unit != 0)
    return op->emitError("parameter ") << name << " asks for " << layout << ", expected a multiple of the " << unit
                                       << " elements that stay together";
  return layout ? layout.getUnit() : unit;
}

LogicalResult Cut::check(BucketOp bucket, SlotAttr slot) const {
  if (!layout)
    return success();
  LayoutAttr found = layoutOf(bucket, slot);
  if (found.getUnit() == layout.getUnit() && found.getCounts() == layout.getCounts())
    return success();
  return bucket.emitError("bucket '") << bucket.getSymName() << "' cuts parameter " << name << " as " << found
                                      << ", it asks for " << layout << ": lay the bucket out by hand";
}
