// Recurrent layers: one step after the other, as the number of steps is known.
#include "ElementwiseOps.h"
#include "LinearOps.h"
#include "Random.h"

using namespace mlir;

namespace raddle::import {

namespace {

enum class Cell { LSTM, GRU, Tanh, ReLU };

constexpr int64_t gatesOf(Cell cell) { return cell == Cell::LSTM ? 4 : cell == Cell::GRU ? 3 : 1; }

/// The parameters of one direction of a layer: products of the input and of the state for all gates, one below the
/// other; `projection` shortens the state of an LSTM.
struct CellWeights {
  Value input, state, inputBias, stateBias, projection;
};

/// What a step hands to the next: h [B, H], or [B, P] with a projection; c [B, H] of an LSTM.
struct State {
  Value hidden, memory;
};

Value hyperbolic(const Body &body, Value x) { return body.make<math::TanhOp>(x); }

/// The parts of all gates [B, gates · H].
SmallVector<Value> splitGates(NodeBuilder &node, Value gates, int64_t count) {
  SmallVector<Value> parts;
  int64_t width = node.failed() ? 0 : node.shapeOf(gates)[1] / count;
  for (int64_t gate = 0; gate < count; ++gate)
    parts.push_back(node.slice(gates, 1, gate * width, width));
  return parts;
}

/// c' = σ(f) c + σ(i) tanh(g), h' = σ(o) tanh(c'); gates are the sums of both products, in the order i, f, g, o.
State stepLstm(NodeBuilder &node, ArrayRef<Value> x, ArrayRef<Value> h, const State &state, Type type) {
  Value memory =
      applyFn(node, {x[0], h[0], x[1], h[1], x[2], h[2], state.memory}, type, type, [](const Body &body, ValueRange e) {
        Value in = body.logistic(body.add(e[0], e[1]));
        Value keep = body.logistic(body.add(e[2], e[3]));
        Value candidate = hyperbolic(body, body.add(e[4], e[5]));
        return body.add(body.mul(keep, e[6]), body.mul(in, candidate));
      });
  Value hidden = applyFn(node, {x[3], h[3], memory}, type, type, [](const Body &body, ValueRange e) {
    return body.mul(body.logistic(body.add(e[0], e[1])), hyperbolic(body, e[2]));
  });
  return {hidden, memory};
}

/// n = tanh(xₙ + σ(r) hₙ), h' = n + σ(z) (h − n); gates in the order r, z, n.
State stepGru(NodeBuilder &node, ArrayRef<Value> x, ArrayRef<Value> h, const State &state, Type type) {
  Value hidden =
      applyFn(node, {x[0], h[0], x[1], h[1], x[2], h[2], state.hidden}, type, type, [](const Body &body, ValueRange e) {
        Value reset = body.logistic(body.add(e[0], e[1]));
        Value update = body.logistic(body.add(e[2], e[3]));
        Value candidate = hyperbolic(body, body.add(e[4], body.mul(reset, e[5])));
        return body.add(candidate, body.mul(update, body.sub(e[6], candidate)));
      });
  return {hidden, Value()};
}

State stepPlain(NodeBuilder &node, Cell cell, Value x, Value h, Type type) {
  return {applyFn(node, {x, h}, type, type,
                  [&](const Body &body, ValueRange e) {
                    Value sum = body.add(e[0], e[1]);
                    return cell == Cell::Tanh ? hyperbolic(body, sum) : body.max(sum, body.constant(type, 0));
                  }),
          Value()};
}

/// One step; `gates` are the input's products, biases included.
State step(NodeBuilder &node, Cell cell, const CellWeights &weights, Value gates, const State &state) {
  Value recurrent = applyLinear(node, state.hidden, weights.state, weights.stateBias);
  if (node.failed())
    return {};
  int64_t count = gatesOf(cell);
  if (node.shapeOf(gates) != node.shapeOf(recurrent) || node.shapeOf(gates)[1] % count != 0 ||
      node.elementOf(gates) != node.elementOf(recurrent)) {
    node.fail(node.node.target + " of gates " + node.describe(node.shapeOf(gates)) + " of the input and " +
              node.describe(node.shapeOf(recurrent)) + " of the state");
    return {};
  }
  Type type = node.elementOf(gates);
  SmallVector<Value> x = splitGates(node, gates, count), h = splitGates(node, recurrent, count);
  if (node.failed())
    return {};
  State next = cell == Cell::LSTM  ? stepLstm(node, x, h, state, type)
               : cell == Cell::GRU ? stepGru(node, x, h, state, type)
                                   : stepPlain(node, cell, x[0], h[0], type);
  if (weights.projection)
    next.hidden = applyLinear(node, next.hidden, weights.projection, Value());
  return next;
}

/// The states of all steps of an input [T, B, I], joined to [T, B, H]; `state` becomes the last one.
Value runDirection(NodeBuilder &node, Cell cell, const CellWeights &weights, Value input, State &state,
                   bool isBackward) {
  Value gates = applyLinear(node, input, weights.input, weights.inputBias);
  if (node.failed())
    return nullptr;
  Shape shape(node.shapeOf(gates));
  SmallVector<Value> states(shape[0]);
  for (int64_t i = 0; i < shape[0] && !node.failed(); ++i) {
    int64_t time = isBackward ? shape[0] - 1 - i : i;
    Value now = node.reshape(node.slice(gates, 0, time, 1), {shape[1], shape[2]});
    state = step(node, cell, weights, now, state);
    if (!node.failed())
      states[time] = node.insertUnitDim(state.hidden, 0);
  }
  return node.failed() ? nullptr : node.concat(states, 0);
}

/// Parameters in the order of PyTorch's flat list.
CellWeights takeWeights(ArrayRef<Value> &parameters, bool hasBias, bool hasProjection) {
  CellWeights weights;
  auto take = [&]() {
    Value first = parameters.front();
    parameters = parameters.drop_front();
    return first;
  };
  weights.input = take();
  weights.state = take();
  if (hasBias) {
    weights.inputBias = take();
    weights.stateBias = take();
  }
  if (hasProjection)
    weights.projection = take();
  return weights;
}

/// The layer's input after dropout: [T, B, I] of which the second dimension is the batch's.
Value dropBetween(NodeBuilder &node, Value value, double p) {
  std::optional<int64_t> batchDim = node.batchDimension() ? std::optional<int64_t>(1) : std::nullopt;
  return buildDropout(node, value, p, Stream::make(node, batchDim));
}

/// The state that a layer's direction starts from: row `index` of [layers · directions, B, H].
Value startOf(NodeBuilder &node, Value states, int64_t index) {
  if (node.failed())
    return nullptr;
  if (node.rankOf(states) != 3)
    return node.fail("a state of " + node.node.target + " has shape " + node.describe(node.shapeOf(states)) +
                     ", expected [layers, batch, width]");
  Shape shape(node.shapeOf(states).drop_front());
  return node.reshape(node.slice(states, 0, index, 1), shape);
}

/// All layers: each direction of a layer reads the outputs of both directions of the layer before.
template <Cell cell> LogicalResult recurrent(NodeBuilder &node) {
  constexpr bool isLstm = cell == Cell::LSTM;
  Value input = node.tensor("input");
  SmallVector<Value> starts = isLstm ? node.tensors("hx") : SmallVector<Value>{node.tensor("hx")};
  SmallVector<Value> list = node.tensors("params");
  bool hasBias = node.boolean("has_biases", true), isBoth = node.boolean("bidirectional", false);
  bool batchFirst = node.boolean("batch_first", false);
  int64_t layers = node.integer("num_layers"), directions = isBoth ? 2 : 1;
  double dropout = node.boolean("train", false) ? node.real("dropout", 0) : 0;
  if (node.failed())
    return failure();
  size_t each = list.size() / std::max<size_t>(layers * directions, 1), plain = hasBias ? 4 : 2;
  bool hasProjection = isLstm && each == plain + 1;
  bool fits = node.rankOf(input) == 3 && starts.size() == (isLstm ? 2u : 1u) && layers > 0 &&
              list.size() == each * layers * directions && each == plain + hasProjection &&
              !llvm::is_contained(list, Value()) && !llvm::is_contained(starts, Value());
  if (!fits || !(dropout >= 0 && dropout <= 1))
    return node.fail(node.node.target + " of an input of shape " + node.describe(node.shapeOf(input)) + " with " +
                     Twine(list.size()) + " parameters for " + Twine(layers) + " layers and dropout " +
                     std::to_string(dropout)),
           failure();
  if (batchFirst)
    input = node.transpose(input, {1, 0, 2});
  if (node.failed() || node.shapeOf(input)[0] == 0)
    return node.fail(node.node.target + " of no steps"), failure();
  ArrayRef<Value> parameters = list;
  SmallVector<Value> hidden, memory;
  for (int64_t layer = 0; layer < layers && !node.failed(); ++layer) {
    if (layer > 0 && dropout > 0)
      input = dropBetween(node, input, dropout);
    SmallVector<Value> outputs;
    for (int64_t direction = 0; direction < directions && !node.failed(); ++direction) {
      CellWeights weights = takeWeights(parameters, hasBias, hasProjection);
      int64_t index = layer * directions + direction;
      State state{startOf(node, starts.front(), index), isLstm ? startOf(node, starts.back(), index) : Value()};
      outputs.push_back(runDirection(node, cell, weights, input, state, direction == 1));
      if (node.failed())
        return failure();
      hidden.push_back(node.insertUnitDim(state.hidden, 0));
      if (isLstm)
        memory.push_back(node.insertUnitDim(state.memory, 0));
    }
    input = node.failed() ? Value() : node.concat(outputs, 2);
  }
  if (batchFirst && !node.failed())
    input = node.transpose(input, {1, 0, 2});
  SmallVector<Value> results{input, node.failed() ? Value() : node.concat(hidden, 0)};
  if (isLstm)
    results.push_back(node.failed() ? Value() : node.concat(memory, 0));
  return node.results(results);
}

/// A single step.
template <Cell cell> LogicalResult single(NodeBuilder &node) {
  constexpr bool isLstm = cell == Cell::LSTM;
  Value input = node.tensor("input");
  SmallVector<Value> starts = isLstm ? node.tensors("hx") : SmallVector<Value>{node.tensor("hx")};
  CellWeights weights{node.tensor("w_ih"), node.tensor("w_hh"), node.optionalTensor("b_ih"),
                      node.optionalTensor("b_hh"), Value()};
  if (node.failed())
    return failure();
  if (starts.size() != (isLstm ? 2u : 1u) || llvm::is_contained(starts, Value()) || node.rankOf(input) != 2)
    return node.fail(node.node.target + " of an input of shape " + node.describe(node.shapeOf(input)) + " and " +
                     Twine(starts.size()) + " states"),
           failure();
  Value gates = applyLinear(node, input, weights.input, weights.inputBias);
  State next = step(node, cell, weights, gates, {starts.front(), isLstm ? starts.back() : Value()});
  return isLstm ? node.results({next.hidden, next.memory}) : node.result(next.hidden);
}

} // namespace

void registerRecurrentOperators(OperatorTable &table) {
  table.add("aten.lstm.input", recurrent<Cell::LSTM>);
  table.add("aten.gru.input", recurrent<Cell::GRU>);
  table.add("aten.rnn_tanh.input", recurrent<Cell::Tanh>);
  table.add("aten.rnn_relu.input", recurrent<Cell::ReLU>);
  table.add("aten.lstm_cell.default", single<Cell::LSTM>);
  table.add("aten.gru_cell.default", single<Cell::GRU>);
  table.add("aten.rnn_tanh_cell.default", single<Cell::Tanh>);
  table.add("aten.rnn_relu_cell.default", single<Cell::ReLU>);
}

} // namespace raddle::import
