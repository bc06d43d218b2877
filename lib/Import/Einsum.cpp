// einsum: products of tensors by a written rule.
#include "Body.h"
#include "Operators.h"
#include "Rows.h"
#include "llvm/ADT/SmallVectorExtras.h"

using namespace mlir;

namespace raddle::import {

namespace {

/// The name of a dimension: a letter, or a number below for those that "..." stands for, counted from the last.
using Labels = SmallVector<int, 4>;
constexpr int kEllipsis = -1;

struct Term {
  Value value;
  Labels labels; // one a dimension, each once
};

/// Reads "ij..." for a tensor of `rank`; for the result (rank < 0) "..." is as long as `dots` says.
std::optional<Labels> readLabels(StringRef text, int64_t rank, int64_t &dots) {
  Labels labels;
  int64_t letters = llvm::count_if(text, llvm::isAlpha);
  bool hasDots = false;
  while (!text.empty()) {
    if (text.consume_front("...")) {
      int64_t count = rank < 0 ? dots : rank - letters;
      if (hasDots || count < 0)
        return std::nullopt;
      dots = std::max(dots, count);
      for (int64_t i = count; i > 0; --i)
        labels.push_back(kEllipsis - i);
      hasDots = true;
      continue;
    }
    if (llvm::isAlpha(text.front()))
      labels.push_back(text.front());
    else if (text.front() != ' ')
      return std::nullopt;
    text = text.drop_front();
  }
  return labels;
}

/// What a result without "->" has: what "..." stands for, then the letters that occur once, in their order.
Labels implicitResult(ArrayRef<Labels> operands, int64_t dots) {
  Labels labels;
  for (int64_t i = dots; i > 0; --i)
    labels.push_back(kEllipsis - i);
  for (int letter = 'A'; letter <= 'z'; ++letter) {
    int64_t count = 0;
    for (const Labels &operand : operands)
      count += llvm::count(operand, letter);
    if (count == 1)
      labels.push_back(letter);
  }
  return labels;
}

class Einsum {
public:
  explicit Einsum(NodeBuilder &node) : node(node) {}

  LogicalResult run() {
    SmallVector<Value> tensors = node.tensors("tensors");
    std::string equation = node.string("equation", "").str();
    if (node.failed())
      return failure();
    if (tensors.empty() || llvm::is_contained(tensors, Value()) || failed(parse(equation, tensors)))
      return node.fail("einsum '" + equation + "' of " + Twine(tensors.size()) + " tensors is not possible"), failure();
    if (failed(findSizes()))
      return failure();
    for (Term &term : terms)
      dropRepeatedAndStretched(term);
    while (terms.size() > 1 && !node.failed()) {
      Term left = terms[0], right = terms[1];
      terms.erase(terms.begin());
      terms.front() = product(left, right);
    }
    return node.failed() ? failure() : node.result(arrange(sumOver(terms.front(), result), result));
  }

private:
  LogicalResult parse(StringRef equation, ArrayRef<Value> tensors) {
    auto [left, right] = equation.split("->");
    SmallVector<StringRef> parts;
    left.split(parts, ',');
    if (parts.size() != tensors.size())
      return failure();
    int64_t dots = 0;
    SmallVector<Labels> operands;
    for (auto [part, tensor] : llvm::zip(parts, tensors)) {
      std::optional<Labels> labels = readLabels(part, node.rankOf(tensor), dots);
      if (!labels || int64_t(labels->size()) != node.rankOf(tensor))
        return failure();
      operands.push_back(*labels);
      terms.push_back({tensor, *labels});
    }
    if (!equation.contains("->")) {
      result = implicitResult(operands, dots);
      return success();
    }
    std::optional<Labels> labels = readLabels(right, -1, dots);
    if (!labels)
      return failure();
    result = *labels;
    // Each label of the result comes from an operand, and occurs once.
    Labels sorted(result);
    llvm::sort(sorted);
    bool isUnique = std::unique(sorted.begin(), sorted.end()) == sorted.end();
    return success(isUnique && llvm::all_of(result, [&](int label) {
                     return llvm::any_of(operands, [&](const Labels &l) { return llvm::is_contained(l, label); });
                   }));
  }

  /// A label has one size; 1 stretches to it.
  LogicalResult findSizes() {
    for (const Term &term : terms)
      for (auto [label, size] : llvm::zip(term.labels, node.shapeOf(term.value))) {
        int64_t &known = sizes.try_emplace(label, 1).first->second;
        if (size != 1 && known != 1 && size != known)
          return node.fail("einsum of dimensions of size " + Twine(known) + " and " + Twine(size) + " under one label"),
                 failure();
        if (size != 1)
          known = size;
      }
    return success();
  }

  /// Takes the diagonal of a label that occurs twice, and drops dimensions that would stretch.
  void dropRepeatedAndStretched(Term &term) {
    for (size_t first = 0; first < term.labels.size() && !node.failed(); ++first)
      for (size_t second = first + 1; second < term.labels.size(); ++second) {
        if (term.labels[first] != term.labels[second])
          continue;
        Shape diagonal;
        Value places = placesOfDiagonal(node, Shape(node.shapeOf(term.value)), 0, first, second, diagonal);
        term.value = gatherRows(node, term.value, places, 1, diagonal);
        int label = term.labels[first];
        term.labels.erase(term.labels.begin() + second);
        term.labels.erase(term.labels.begin() + first);
        term.labels.push_back(label);
        return dropRepeatedAndStretched(term);
      }
    if (node.failed())
      return;
    Shape kept;
    Labels labels;
    for (auto [label, size] : llvm::zip(term.labels, node.shapeOf(term.value)))
      if (size == sizes[label]) {
        kept.push_back(size);
        labels.push_back(label);
      }
    term = {node.reshape(term.value, kept), labels};
  }

  /// Sums over the labels of `term` that are not `wanted`.
  Term sumOver(const Term &term, ArrayRef<int> wanted) {
    SmallVector<int64_t> dims;
    Labels labels;
    for (auto [dim, label] : llvm::enumerate(term.labels)) {
      if (llvm::is_contained(wanted, label))
        labels.push_back(label);
      else
        dims.push_back(dim);
    }
    if (dims.empty() || node.failed())
      return term;
    Value sum = node.reduce(term.value, dims, false, node.elementOf(term.value), Scalar::ofInt(0),
                            [](OpBuilder &builder, Location loc, Value acc, Value element) {
                              return Body{builder, loc}.add(acc, element);
                            });
    return {sum, labels};
  }

  /// The term's dimensions in the order of `labels`; those that it lacks are stretched.
  Value arrange(const Term &term, ArrayRef<int> labels) {
    if (node.failed())
      return nullptr;
    SmallVector<int64_t> permutation;
    Shape unit, full;
    for (int label : labels) {
      auto found = llvm::find(term.labels, label);
      full.push_back(sizes[label]);
      unit.push_back(found == term.labels.end() ? 1 : sizes[label]);
      if (found != term.labels.end())
        permutation.push_back(found - term.labels.begin());
    }
    return node.broadcast(node.reshape(node.transpose(term.value, permutation), unit), full);
  }

  /// Two terms, summed over what neither the result nor a later term needs.
  Term product(Term left, Term right) {
    Labels later(result), out;
    for (const Term &term : ArrayRef(terms).drop_front())
      llvm::append_range(later, term.labels);
    auto needs = [&](const Term &term, const Term &other) {
      Labels wanted(later);
      llvm::append_range(wanted, other.labels);
      return sumOver(term, wanted);
    };
    left = needs(left, right);
    right = needs(right, left);
    Labels loops, summed;
    for (int label : llvm::concat<int>(left.labels, right.labels)) {
      if (llvm::is_contained(loops, label) || llvm::is_contained(summed, label))
        continue;
      (llvm::is_contained(later, label) ? loops : summed).push_back(label);
    }
    // In the order of the result, where that is all that is left.
    if (terms.size() == 1)
      loops = llvm::filter_to_vector<4>(result, [&](int label) { return llvm::is_contained(loops, label); });
    return contract(left, right, loops, summed);
  }

  Term contract(const Term &left, const Term &right, const Labels &out, const Labels &summed) {
    if (node.failed())
      return left;
    Type type = node.elementOf(left.value), wide = arithmeticType(type);
    if (summed.empty())
      return {node.elementwise({arrange(left, out), arrange(right, out)}, type, type,
                               [](OpBuilder &builder, Location loc, ValueRange elements) {
                                 return Body{builder, loc}.mul(elements[0], elements[1]);
                               }),
              out};
    Labels loops(out);
    llvm::append_range(loops, summed);
    MLIRContext *context = node.builder.getContext();
    auto mapOf = [&](ArrayRef<int> labels) {
      SmallVector<AffineExpr> exprs = llvm::map_to_vector(
          labels, [&](int label) { return getAffineDimExpr(llvm::find(loops, label) - loops.begin(), context); });
      return AffineMap::get(loops.size(), 0, exprs, context);
    };
    Value init =
        node.fill(llvm::map_to_vector<4>(out, [&](int label) { return sizes[label]; }), wide, Scalar::ofInt(0));
    if (node.failed())
      return left;
    SmallVector<AffineMap> maps{mapOf(left.labels), mapOf(right.labels), mapOf(out)};
    SmallVector<utils::IteratorType> iterators(out.size(), utils::IteratorType::parallel);
    iterators.append(summed.size(), utils::IteratorType::reduction);
    Value sum = linalg::GenericOp::create(
                    node.builder, node.loc, init.getType(), ValueRange{left.value, right.value}, init, maps, iterators,
                    [&](OpBuilder &builder, Location loc, ValueRange arguments) {
                      Body body{builder, loc};
                      Value a = convertScalar(builder, loc, arguments[0], wide);
                      Value b = convertScalar(builder, loc, arguments[1], wide);
                      linalg::YieldOp::create(builder, loc, body.add(arguments[2], body.mul(a, b)));
                    })
                    .getResult(0);
    return {node.cast(sum, type), out};
  }

  NodeBuilder &node;
  SmallVector<Term> terms;
  Labels result;
  llvm::SmallDenseMap<int, int64_t> sizes;
};

LogicalResult einsum(NodeBuilder &node) { return Einsum(node).run(); }

} // namespace

void registerEinsumOperators(OperatorTable &table) { table.add("aten.einsum.default", einsum); }

} // namespace raddle::import
