// Calls of entry points.
#include "SessionImplementation.h"

#include "raddle/runtime/Error.h"

namespace raddle::runtime {

const void *Session::Implementation::runtimeInput(bundle::InputRole role, size_t entry, size_t executor) const {
  switch (role) {
  case bundle::InputRole::LearningRate:
    return &given.learningRate;
  case bundle::InputRole::Step:
    return &given.step;
  case bundle::InputRole::Call:
    return &given.calls[entry];
  case bundle::InputRole::Seed:
    return &given.seed;
  case bundle::InputRole::Rank:
    return &given.ranks[executor];
  case bundle::InputRole::Batch:
    break;
  }
  return nullptr;
}

void Session::Implementation::bindRank(size_t entry, const BoundVariant &variant, size_t executor,
                                       const std::vector<HostArray> &inputs, const std::vector<void *> &outputs) {
  uint64_t rank = static_cast<uint64_t>(executors[executor]->rank());
  for (size_t i = 0; i < variant.inputs.size(); ++i) {
    const Binding &binding = variant.inputs[i];
    const void *base = binding.fromCaller ? inputs[binding.position].data : runtimeInput(binding.role, entry, executor);
    // The verifier refuses inputs as destinations, so nothing is written through this pointer.
    inputPointers[executor][i] = static_cast<char *>(const_cast<void *>(base)) + rank * binding.rankStride;
  }
  uint8_t *unused = discarded[executor].data();
  for (size_t i = 0; i < variant.outputs.size(); ++i) {
    const Binding &binding = variant.outputs[i];
    if (binding.rankStride != 0 || executor == 0) {
      outputPointers[executor][i] = static_cast<char *>(outputs[i]) + rank * binding.rankStride;
      continue;
    }
    outputPointers[executor][i] = unused;
    unused += (binding.rankBytes + bufferAlignment - 1) / bufferAlignment * bufferAlignment;
  }
}

// Processes have only their own part of each batched output.
void Session::Implementation::gatherOutputs(const BoundVariant &variant, const std::vector<void *> &outputs) {
  for (size_t i = 0; i < variant.outputs.size(); ++i)
    if (uint64_t stride = variant.outputs[i].rankStride)
      world->allGather(static_cast<char *>(outputs[i]) + world->rank() * stride, outputs[i], stride);
}

void Session::Implementation::startCall(const StartedCall &call, const std::vector<HostArray> &inputs) {
  const BoundVariant &variant = *call.variant;
  for (size_t i = 0; i < executors.size(); ++i) {
    bindRank(call.entry, variant, i, inputs, call.outputs);
    // Before any rank waits for another one.
    executors[i]->check(variant.program, inputPointers[i].data());
  }
  onRanks([&](size_t i) { executors[i]->start(variant.program, inputPointers[i].data(), outputPointers[i].data()); });
}

// Waits for the call that was started first, and says what went wrong. All ranks hand over what they have, so that they
// agree on what is under way.
std::exception_ptr Session::Implementation::endOldest() {
  std::exception_ptr error;
  try {
    onRanks([&](size_t i) { executors[i]->wait(); });
  } catch (...) {
    return std::current_exception();
  }
  for (const std::unique_ptr<RankExecutor> &executor : executors)
    try {
      executor->deliver();
    } catch (...) {
      error = error ? error : std::current_exception();
    }
  if (world && !error)
    try {
      gatherOutputs(*started.front().variant, started.front().outputs);
    } catch (...) {
      error = std::current_exception();
    }
  return error;
}

void Session::Implementation::finishOldest() {
  std::exception_ptr error = endOldest();
  if (!error) {
    started.pop_front();
    ++runs;
    return;
  }
  // What was started behind it began from a state that nobody wants.
  for (forgetCall(started.begin()); !started.empty(); forgetCall(started.begin()))
    endOldest();
  std::rethrow_exception(error);
}

void Session::Implementation::finishAll() {
  while (!started.empty())
    finishOldest();
}

// It does not count.
void Session::Implementation::forgetCall(std::deque<StartedCall>::iterator call) {
  --given.calls[call->entry];
  given.step -= call->variant->countsSteps;
  started.erase(call);
}

uint64_t Session::start(size_t entry, size_t variant, const std::vector<HostArray> &inputs,
                        const std::vector<void *> &outputs, std::optional<float> learningRate,
                        std::shared_ptr<void> keep) {
  const BoundVariant &bound = impl->bound.at(entry).at(variant);
  if (outputs.size() != bound.outputs.size())
    throw InvalidArgument("entry '" + impl->entries[entry].name + "': expected memory for " +
                          std::to_string(bound.outputs.size()) + " outputs, found " + std::to_string(outputs.size()));
  while (impl->started.size() >= RankExecutor::mostStarted)
    impl->finishOldest();
  impl->given.learningRate = learningRate.value_or(impl->bundle->learning_rate());
  ++impl->given.calls[entry];
  impl->given.step += bound.countsSteps;
  impl->started.push_back({entry, &bound, outputs, std::move(keep)});
  try {
    impl->startCall(impl->started.back(), inputs);
  } catch (...) {
    impl->forgetCall(std::prev(impl->started.end()));
    throw;
  }
  return ++impl->calls;
}

void Session::finish(uint64_t call) {
  while (!impl->started.empty() && impl->calls - impl->started.size() < call)
    impl->finishOldest();
}

void Session::run(size_t entry, size_t variant, const std::vector<HostArray> &inputs,
                  const std::vector<void *> &outputs, std::optional<float> learningRate) {
  finish(start(entry, variant, inputs, outputs, learningRate));
}

bool Session::isAsynchronous() const { return impl->executors[0]->isAsynchronous(); }

} // namespace raddle::runtime
