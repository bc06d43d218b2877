#ifndef RADDLE_LIB_IMPORT_OPERATORS_H
#define RADDLE_LIB_IMPORT_OPERATORS_H

#include "NodeBuilder.h"
#include "raddle/Import/OperatorCoverage.h"

namespace raddle::import {

/// Handlers by an operator's name without its "torch.ops." ("aten.add.Tensor").
class OperatorTable {
public:
  OperatorTable();

  /// Null for an operator that is not known.
  Handler find(llvm::StringRef target) const;

  /// All names, sorted.
  std::vector<std::string> names() const;

  /// The handler of a node that reads or gives complex tensors.
  Handler findComplex(llvm::StringRef target) const;

  void add(llvm::StringRef name, Handler handler);
  void add(std::initializer_list<llvm::StringRef> names, Handler handler);

  void addComplex(llvm::StringRef name, Handler handler);
  void addComplex(std::initializer_list<llvm::StringRef> names, Handler handler);

private:
  llvm::StringMap<Handler> handlers, complexHandlers;
};

/// Why a node of a known operator cannot be imported whatever its operands are ("in training mode"); empty if it can.
/// Found before anything is built, so that all such nodes are reported with the unknown operators.
std::string refusalOf(const Node &node);

/// The program's operators in the order of their first use.
std::vector<OperatorUse> findOperatorUses(mlir::MLIRContext *context, const Program &program,
                                          const OperatorTable &table);

void registerActivationOperators(OperatorTable &table);
void registerAttentionOperators(OperatorTable &table);
void registerChannelNormOperators(OperatorTable &table);
void registerClassLossOperators(OperatorTable &table);
void registerComparisonOperators(OperatorTable &table);
void registerComplexOperators(OperatorTable &table);
void registerConvolutionOperators(OperatorTable &table);
void registerCoordinateOperators(OperatorTable &table);
void registerCreationOperators(OperatorTable &table);
void registerCumulativeOperators(OperatorTable &table);
void registerDistanceOperators(OperatorTable &table);
void registerDivisionOperators(OperatorTable &table);
void registerEinsumOperators(OperatorTable &table);
void registerEmbeddingBagOperators(OperatorTable &table);
void registerExpertOperators(OperatorTable &table);
void registerExtremumOperators(OperatorTable &table);
void registerFourierOperators(OperatorTable &table);
void registerGridSampleOperators(OperatorTable &table);
void registerIndexingOperators(OperatorTable &table);
void registerLinearOperators(OperatorTable &table);
void registerLossOperators(OperatorTable &table);
void registerMultilabelLossOperators(OperatorTable &table);
void registerNormOperators(OperatorTable &table);
void registerPaddingOperators(OperatorTable &table);
void registerPixelOperators(OperatorTable &table);
void registerPointwiseOperators(OperatorTable &table);
void registerPoolingOperators(OperatorTable &table);
void registerProductOperators(OperatorTable &table);
void registerQuantileOperators(OperatorTable &table);
void registerRandomOperators(OperatorTable &table);
void registerRecurrentOperators(OperatorTable &table);
void registerReductionOperators(OperatorTable &table);
void registerResampleOperators(OperatorTable &table);
void registerSamplingOperators(OperatorTable &table);
void registerScatterOperators(OperatorTable &table);
void registerSearchOperators(OperatorTable &table);
void registerSelectionOperators(OperatorTable &table);
void registerShapeOperators(OperatorTable &table);
void registerSortOperators(OperatorTable &table);
void registerSpecialOperators(OperatorTable &table);
void registerSplitOperators(OperatorTable &table);
void registerUnaryOperators(OperatorTable &table);
void registerViewOperators(OperatorTable &table);

} // namespace raddle::import

#endif // RADDLE_LIB_IMPORT_OPERATORS_H
