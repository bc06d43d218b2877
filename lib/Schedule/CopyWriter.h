// Copies of a program that is being written, which no placement could avoid.
#ifndef RADDLE_LIB_SCHEDULE_COPYWRITER_H
#define RADDLE_LIB_SCHEDULE_COPYWRITER_H

#include "ProgramBuffers.h"

namespace raddle {

struct Copies {
  int64_t count = 0, bytes = 0;

  void add(int64_t copied) {
    ++count;
    bytes += copied;
  }
};

class CopyWriter {
public:
  CopyWriter(mlir::OpBuilder &builder, ProgramBuffers &buffers, Placement &placement,
             mlir::SymbolTableCollection &symbols, mlir::IntegerAttr stream)
      : builder(builder), buffers(buffers), placement(placement), symbols(symbols), stream(stream) {}

  /// Copies what could not be written in its slot, and clears what no slot covers.
  void write(ragged::PackOp pack);

  /// Copies results that could not be written in place. Outputs come first and old values of states are set aside,
  /// since the copies into states overwrite them.
  void write(mlir::func::ReturnOp terminator);

  Copies results, packs; // so far

private:
  void copy(mlir::Location loc, mlir::Value value, Place place);

  mlir::OpBuilder &builder;
  ProgramBuffers &buffers;
  Placement &placement;
  mlir::SymbolTableCollection &symbols;
  mlir::IntegerAttr stream;
};

} // namespace raddle

#endif // RADDLE_LIB_SCHEDULE_COPYWRITER_H
