// The ragged dialect and its verifiers. The tag at each check is the constraint's in RaggedOps.td.
#include "raddle/Dialect/Ragged/IR/RaggedOps.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/OpImplementation.h"
#include "raddle/Utils/TensorQueries.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/TypeSwitch.h"

#include "raddle/Dialect/Ragged/IR/RaggedDialect.cpp.inc"
#include "raddle/Dialect/Ragged/IR/RaggedEnums.cpp.inc"

/// The shape of a slot: `[16, 8]`, or `[]` of a scalar.
static mlir::ParseResult parseExtents(mlir::AsmParser &parser, llvm::SmallVector<int64_t> &extents) {
  return parser.parseCommaSeparatedList(mlir::AsmParser::Delimiter::Square,
                                        [&] { return parser.parseInteger(extents.emplace_back()); });
}

static void printExtents(mlir::AsmPrinter &printer, llvm::ArrayRef<int64_t> extents) {
  printer << '[';
  llvm::interleaveComma(extents, printer);
  printer << ']';
}

/// What is kept: `tile [16, 8]`, `rows 16` or `whole`.
static mlir::ParseResult parseKeptBlock(mlir::AsmParser &parser, llvm::SmallVector<int64_t> &block) {
  if (mlir::succeeded(parser.parseOptionalKeyword("whole")))
    return mlir::success();
  if (mlir::succeeded(parser.parseOptionalKeyword("rows")))
    return parser.parseInteger(block.emplace_back());
  llvm::SMLoc place = parser.getCurrentLocation();
  if (parser.parseKeyword("tile") || parseExtents(parser, block))
    return mlir::failure();
  if (block.size() == 2)
    return mlir::success();
  return parser.emitError(place, "expected a tile of two extents, got ") << block.size();
}

static void printKeptBlock(mlir::AsmPrinter &printer, llvm::ArrayRef<int64_t> block) {
  if (block.empty()) {
    printer << "whole";
  } else if (block.size() == 1) {
    printer << "rows " << block.front();
  } else {
    printer << "tile ";
    printExtents(printer, block);
  }
}

/// `row_major` or `panels [16, 8]`; the block may follow either.
static mlir::ParseResult parseStorage(mlir::AsmParser &parser, raddle::ragged::StorageOrder &order,
                                      llvm::SmallVector<int64_t> &block) {
  mlir::FailureOr<raddle::ragged::StorageOrder> parsed = mlir::FieldParser<raddle::ragged::StorageOrder>::parse(parser);
  if (failed(parsed))
    return mlir::failure();
  order = *parsed;
  return parser.parseCommaSeparatedList(mlir::AsmParser::Delimiter::OptionalSquare,
                                        [&] { return parser.parseInteger(block.emplace_back()); });
}

static void printStorage(mlir::AsmPrinter &printer, raddle::ragged::StorageOrder order, llvm::ArrayRef<int64_t> block) {
  printer << stringifyStorageOrder(order);
  if (block.empty())
    return;
  printer << ' ';
  printExtents(printer, block);
}

#define GET_ATTRDEF_CLASSES
#include "raddle/Dialect/Ragged/IR/RaggedAttrs.cpp.inc"

using namespace mlir;
using namespace raddle::ragged;

void RaggedDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "raddle/Dialect/Ragged/IR/RaggedAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "raddle/Dialect/Ragged/IR/RaggedOps.cpp.inc"
      >();
}

int64_t SlotAttr::getElements() const { return ShapedType::getNumElements(getShape()); }

//===----------------------------------------------------------------------===//
// BucketOp
//===----------------------------------------------------------------------===//

SlotAttr BucketOp::findSlot(StringRef name) {
  for (auto slot : getSlots().getAsRange<SlotAttr>())
    if (slot.getName() == name)
      return slot;
  return {};
}

int64_t BucketOp::getPadding() {
  int64_t padding = getElements();
  for (auto slot : getSlots().getAsRange<SlotAttr>())
    padding -= slot.getElements();
  return padding;
}

LogicalResult BucketOp::verify() {
  int64_t ranks = getRanks(), shard = getShard();
  if (ranks <= 0 || shard <= 0) // ragged_bucket_c1
    return emitOpError("expects positive 'ranks' and 'shard', is ") << ranks << " and " << shard;
  int64_t total;
  if (llvm::MulOverflow(ranks, shard, total))
    return emitOpError("expects fewer than 2^63 elements, is ") << ranks << " * " << shard;
  // ragged_bucket_c6
  if (!getElementType().isIntOrFloat() || !raddle::isStorable(RankedTensorType::get({total}, getElementType())))
    return emitOpError("expects numbers as elements, at most 2^47 bytes of them, is ")
           << total << " of type " << getElementType();
  if (auto parameters = getParameters()) // ragged_bucket_c5
    if (parameters->size() != getSlots().size() || !llvm::all_of(*parameters, llvm::IsaPred<DictionaryAttr>))
      return emitOpError("expects 'parameters' to be ") << getSlots().size() << " dictionaries, is " << *parameters;
  SmallVector<SlotAttr> slots;
  llvm::StringSet<> names;
  for (Attribute attribute : getSlots()) {
    auto slot = dyn_cast<SlotAttr>(attribute);
    if (!slot)
      return emitOpError("expects '#ragged.slot' attributes as 'slots', is ") << attribute;
    if (!names.insert(slot.getName()).second) // ragged_bucket_c3
      return emitOpError("has two slots named '") << slot.getName() << "'";
    int64_t elements = 1;
    for (int64_t extent : slot.getShape())
      if (extent < 0 || llvm::MulOverflow(elements, extent, elements))
        return emitOpError("slot '") << slot.getName() << "' has an extent or a size out of range";
    if (slot.getOffset() < 0 || elements > total || slot.getOffset() > total - elements) // ragged_bucket_c2
      return emitOpError("slot '") << slot.getName() << "' has " << elements << " elements from " << slot.getOffset()
                                   << ", outside the bucket's [0, " << total << ")";
    int64_t unit = slot.getUnit();
    if (unit <= 0) // ragged_bucket_c4
      return emitOpError("slot '") << slot.getName() << "' expects a positive unit, is " << unit;
    // Boundaries are `shard` apart: the second one tells whether the others cut.
    int64_t end = slot.getOffset() + elements, boundary = llvm::divideCeil(slot.getOffset(), shard) * shard;
    if (boundary < end && (boundary - slot.getOffset()) % unit == 0 && shard < end - boundary)
      boundary += shard;
    if (boundary < end && (boundary - slot.getOffset()) % unit != 0)
      return emitOpError("boundary of rank ")
             << boundary / shard << " at element " << boundary << " cuts a unit of " << unit << " elements of slot '"
             << slot.getName() << "' at " << slot.getOffset();
    slots.push_back(slot);
  }
  llvm::sort(slots, [](SlotAttr a, SlotAttr b) { return a.getOffset() < b.getOffset(); });
  for (size_t i = 1; i < slots.size(); ++i) // ragged_bucket_c3
    if (slots[i - 1].getOffset() + slots[i - 1].getElements() > slots[i].getOffset())
      return emitOpError("slots '") << slots[i - 1].getName() << "' and '" << slots[i].getName() << "' overlap";
  return success();
}

//===----------------------------------------------------------------------===//
// Uses of a bucket
//===----------------------------------------------------------------------===//

static FailureOr<BucketOp> findBucket(Operation *op, SymbolTableCollection &symbols, FlatSymbolRefAttr name) {
  if (auto bucket = symbols.lookupNearestSymbolFrom<BucketOp>(op, name))
    return bucket;
  return op->emitOpError("expects a bucket, ") << name << " is none";
}

/// Of the bucket's element type, or of the one that the bucket's slices were cast to.
static LogicalResult expectType(Operation *op, BucketOp bucket, Value value, ArrayRef<int64_t> shape, const Twine &what,
                                Type element = {}) {
  auto expected = RankedTensorType::get(shape, element ? element : bucket.getElementType());
  if (value.getType() == expected)
    return success();
  InFlightDiagnostic error = op->emitOpError("expects ")
                             << what << " of type " << expected << ", is " << value.getType();
  error.attachNote(bucket.getLoc()) << "bucket '" << bucket.getSymName() << "' is here";
  return error;
}

LogicalResult GatherOp::verifySymbolUses(SymbolTableCollection &symbols) {
  FailureOr<BucketOp> bucket = findBucket(*this, symbols, getBucketAttr());
  if (failed(bucket))
    return failure();
  Type element = getElementTypeOrSelf(getSlice());
  if (failed(expectType(*this, *bucket, getSlice(), static_cast<int64_t>(bucket->getShard()), "a slice", element)))
    return failure();
  return expectType(*this, *bucket, getFull(), bucket->getElements(), "the whole bucket", element); // ragged_gather_c1
}

LogicalResult SlotOp::verifySymbolUses(SymbolTableCollection &symbols) {
  FailureOr<BucketOp> bucket = findBucket(*this, symbols, getBucketAttr());
  if (failed(bucket))
    return failure();
  SlotAttr slot = bucket->findSlot(getSlot());
  if (!slot) // ragged_slot_c1
    return emitOpError("expects a slot of bucket ") << getBucketAttr() << ", '" << getSlot() << "' is none";
  Type element = getElementTypeOrSelf(getFull());
  if (failed(
          expectType(*this, *bucket, getFull(), bucket->getElements(), "the whole bucket", element))) // ragged_slot_c2
    return failure();
  return expectType(*this, *bucket, getTensor(), slot.getShape(), "slot '" + getSlot() + "'", element);
}

LogicalResult PackOp::verifySymbolUses(SymbolTableCollection &symbols) {
  FailureOr<BucketOp> bucket = findBucket(*this, symbols, getBucketAttr());
  if (failed(bucket))
    return failure();
  if (getTensors().size() != bucket->getSlots().size()) // ragged_pack_c1
    return emitOpError("expects ") << bucket->getSlots().size() << " tensors, one a slot of " << getBucketAttr()
                                   << ", is " << getTensors().size();
  Type element = getElementTypeOrSelf(getFull());
  for (auto [slot, tensor] : llvm::zip(bucket->getSlots().getAsRange<SlotAttr>(), getTensors()))
    if (failed(expectType(*this, *bucket, tensor, slot.getShape(), "slot '" + slot.getName() + "'", element)))
      return failure();
  return expectType(*this, *bucket, getFull(), bucket->getElements(), "the whole bucket", element); // ragged_pack_c2
}

LogicalResult ReduceScatterOp::verifySymbolUses(SymbolTableCollection &symbols) {
  FailureOr<BucketOp> bucket = findBucket(*this, symbols, getBucketAttr());
  if (failed(bucket))
    return failure();
  // ragged_reduce_scatter_c1
  Type element = getElementTypeOrSelf(getSlice());
  if (failed(expectType(*this, *bucket, getFull(), bucket->getElements(), "the whole bucket", element)))
    return failure();
  return expectType(*this, *bucket, getSlice(), static_cast<int64_t>(bucket->getShard()), "a slice", element);
}

LogicalResult RedistributeOp::verifySymbolUses(SymbolTableCollection &symbols) {
  FailureOr<BucketOp> source = findBucket(*this, symbols, getSourceAttr());
  FailureOr<BucketOp> target = findBucket(*this, symbols, getTargetAttr());
  if (failed(source) || failed(target))
    return failure();
  Type element = getElementTypeOrSelf(getSlice()); // ragged_redistribute_c1
  if (failed(expectType(*this, *source, getSlice(), static_cast<int64_t>(source->getShard()), "a slice", element)) ||
      failed(expectType(*this, *target, getResult(), static_cast<int64_t>(target->getShard()), "a slice", element)))
    return failure();
  if (source->getRanks() != target->getRanks()) // ragged_redistribute_c2
    return emitOpError("expects buckets of as many ranks, is ") << source->getRanks() << " and " << target->getRanks();
  if (source->getSlots().size() != target->getSlots().size())
    return emitOpError("expects buckets of as many tensors, is ")
           << source->getSlots().size() << " and " << target->getSlots().size();
  llvm::StringMap<int64_t> elements;
  for (auto slot : target->getSlots().getAsRange<SlotAttr>())
    elements[slot.getName()] = slot.getElements();
  for (auto slot : source->getSlots().getAsRange<SlotAttr>()) {
    auto other = elements.find(slot.getName());
    if (other == elements.end() || other->second != slot.getElements())
      return emitOpError("expects ") << slot.getElements() << " elements of '" << slot.getName() << "' in bucket "
                                     << getTargetAttr() << ", is " << (other == elements.end() ? 0 : other->second);
  }
  return success();
}

/// What whole tensors on roots share: a slice, one tensor a slot, one root a slot.
static LogicalResult verifyRoots(Operation *op, BucketOp bucket, Value slice, ValueRange tensors,
                                 std::optional<ArrayRef<int64_t>> roots) {
  Type element = getElementTypeOrSelf(slice);
  if (failed(expectType(op, bucket, slice, static_cast<int64_t>(bucket.getShard()), "a slice", element)))
    return failure();
  size_t count = bucket.getSlots().size();
  if (tensors.size() != count)
    return op->emitOpError("expects ") << count << " tensors, one a slot of '" << bucket.getSymName() << "', is "
                                       << tensors.size();
  for (auto [slot, tensor] : llvm::zip(bucket.getSlots().getAsRange<SlotAttr>(), tensors))
    if (failed(expectType(op, bucket, tensor, slot.getShape(), "slot '" + slot.getName() + "'", element)))
      return failure();
  if (!roots)
    return success();
  if (roots->size() != count)
    return op->emitOpError("expects ") << count << " roots, one a slot of '" << bucket.getSymName() << "', is "
                                       << roots->size();
  for (int64_t root : *roots)
    if (root < 0 || root >= static_cast<int64_t>(bucket.getRanks()))
      return op->emitOpError("expects roots in [0, ") << bucket.getRanks() << "), is " << root;
  return success();
}

LogicalResult GatherToRootsOp::verifySymbolUses(SymbolTableCollection &symbols) {
  FailureOr<BucketOp> bucket = findBucket(*this, symbols, getBucketAttr());
  // ragged_gather_to_roots_c1, ragged_gather_to_roots_c2
  return success(succeeded(bucket) && succeeded(verifyRoots(*this, *bucket, getSlice(), getTensors(), getRoots())));
}

LogicalResult ScatterFromRootsOp::verifySymbolUses(SymbolTableCollection &symbols) {
  FailureOr<BucketOp> bucket = findBucket(*this, symbols, getBucketAttr());
  // ragged_scatter_from_roots_c1, ragged_scatter_from_roots_c2
  return success(succeeded(bucket) && succeeded(verifyRoots(*this, *bucket, getSlice(), getTensors(), getRoots())));
}

LogicalResult AllReduceOp::verify() {
  if (static_cast<int64_t>(getRanks()) > 0) // ragged_all_reduce_c1
    return success();
  return emitOpError("expects a positive number of ranks, is ") << static_cast<int64_t>(getRanks());
}

#define GET_OP_CLASSES
#include "raddle/Dialect/Ragged/IR/RaggedOps.cpp.inc"
