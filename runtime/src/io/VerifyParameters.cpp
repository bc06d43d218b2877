#include "Verifier.h"

#include <algorithm>
#include <set>

namespace raddle::runtime::verify {

static void verifyConstant(const bundle::Bundle &bundle, const bundle::Parameter &parameter, uint64_t elements,
                           const std::string &where, Report &report) {
  int64_t index = parameter.source()->constant();
  if (index < 0 || static_cast<uint64_t>(index) >= sizeOf(bundle.constants())) {
    report.add(where + "constant " + std::to_string(index) + " does not exist, there are " +
               std::to_string(sizeOf(bundle.constants())));
    return;
  }
  uint64_t bytes = sizeOf(bundle.constants()->Get(index)->data()), width = byteSize(parameter.dtype()), expected;
  if (__builtin_mul_overflow(elements, width, &expected) || bytes != expected)
    report.add(where + "it has " + std::to_string(elements) + " elements of " + nameOf(parameter.dtype()) +
               ", its constant has " + std::to_string(bytes) + " bytes");
}

static void verifySource(const bundle::Bundle &bundle, const bundle::Parameter &parameter, uint64_t elements,
                         const std::string &where, Report &report) {
  const bundle::WeightSource *source = parameter.source();
  if (!source) {
    report.add(where + "it has neither a weight nor an initialiser");
    return;
  }
  if (sizeOf(source->entry()) != 0) {
    if (!isKnown(source->dtype())) {
      report.add(where + "unknown element type " + std::to_string(static_cast<int>(source->dtype())) +
                 " of its weight");
      return;
    }
    if (isFloat(source->dtype()) != isFloat(parameter.dtype()) ||
        (!isFloat(source->dtype()) && source->dtype() != parameter.dtype()))
      report.add(where + "it is " + nameOf(parameter.dtype()) + ", its weight is " + nameOf(source->dtype()));
    if (sizeOf(source->strides()) != sizeOf(parameter.shape())) {
      report.add(where + "it has " + std::to_string(sizeOf(parameter.shape())) + " dimensions, its weight has " +
                 std::to_string(sizeOf(source->strides())) + " strides");
      return;
    }
    // The last element's position must be a number; the archive's size is checked when it is read.
    uint64_t last = source->offset(), step;
    for (size_t i = 0; i < sizeOf(parameter.shape()); ++i) {
      uint64_t extent = parameter.shape()->Get(i);
      if (extent != 0 && (__builtin_mul_overflow(extent - 1, source->strides()->Get(i), &step) ||
                          __builtin_add_overflow(last, step, &last) || last >> 56 != 0)) {
        report.add(where + "the strides of its weight overflow");
        return;
      }
    }
    return;
  }
  if (source->constant() != -1) {
    verifyConstant(bundle, parameter, elements, where, report);
    return;
  }
  std::string init = textOf(source->init());
  if (init != "zeros" && init != "ones" && init != "normal")
    report.add(where + "initialiser: expected 'zeros', 'ones' or 'normal', found '" + init + "'");
  else if (init == "normal" && !isFloat(parameter.dtype()))
    report.add(where + "initialiser 'normal' is for floating-point types, it is " + nameOf(parameter.dtype()));
}

static void verifyPlace(const bundle::Bundle &bundle, const bundle::Parameter &parameter, uint64_t elements,
                        const std::string &where, Report &report) {
  if (parameter.bucket() == -1) {
    if (parameter.state() >= sizeOf(bundle.states())) {
      report.add(where + "state " + std::to_string(parameter.state()) + " does not exist, there are " +
                 std::to_string(sizeOf(bundle.states())));
      return;
    }
    const bundle::State &state = *bundle.states()->Get(parameter.state());
    if (state.elements() != elements || state.dtype() != parameter.dtype())
      report.add(where + "it has " + std::to_string(elements) + " elements of " + nameOf(parameter.dtype()) +
                 ", its state '" + state.name()->str() + "' has " + std::to_string(state.elements()) + " of " +
                 nameOf(state.dtype()));
    return;
  }
  if (parameter.bucket() < 0 || static_cast<uint32_t>(parameter.bucket()) >= sizeOf(bundle.buckets())) {
    report.add(where + "bucket " + std::to_string(parameter.bucket()) + " does not exist, there are " +
               std::to_string(sizeOf(bundle.buckets())));
    return;
  }
  const bundle::Bucket &bucket = *bundle.buckets()->Get(static_cast<uint32_t>(parameter.bucket()));
  uint64_t total, end;
  if (bucket.dtype() != parameter.dtype())
    report.add(where + "it is " + nameOf(parameter.dtype()) + ", its bucket '" + bucket.name()->str() + "' is " +
               nameOf(bucket.dtype()));
  // An overflowing bucket has been reported already.
  if (__builtin_mul_overflow(bucket.shard_elements(), static_cast<uint64_t>(bundle.ranks()), &total))
    return;
  if (__builtin_add_overflow(parameter.offset(), elements, &end) || end > total)
    report.add(where + "elements from " + std::to_string(parameter.offset()) + ", " + std::to_string(elements) +
               " of them, exceed the " + std::to_string(total) + " of bucket '" + bucket.name()->str() + "'");
}

// Two parameters that share elements of a bucket would overwrite one another.
static void verifyDisjoint(const bundle::Bundle &bundle, Report &report) {
  std::vector<const bundle::Parameter *> sorted;
  for (size_t i = 0; i < sizeOf(bundle.parameters()); ++i)
    if (bundle.parameters()->Get(i)->bucket() >= 0)
      sorted.push_back(bundle.parameters()->Get(i));
  std::sort(sorted.begin(), sorted.end(), [](const bundle::Parameter *a, const bundle::Parameter *b) {
    return std::make_pair(a->bucket(), a->offset()) < std::make_pair(b->bucket(), b->offset());
  });
  for (size_t i = 1; i < sorted.size(); ++i) {
    const bundle::Parameter &before = *sorted[i - 1], &after = *sorted[i];
    if (before.bucket() == after.bucket() &&
        before.offset() + *countElements(before.shape(), before.dtype()) > after.offset())
      report.add("parameters '" + before.name()->str() + "' and '" + after.name()->str() + "' overlap in bucket '" +
                 bundle.buckets()->Get(static_cast<uint32_t>(after.bucket()))->name()->str() + "'");
  }
}

void verifyParameters(const bundle::Bundle &bundle, Report &report) {
  std::set<std::string> names;
  auto claim = [&](const std::string &name) {
    if (name.empty())
      report.add("a parameter's name is empty");
    else if (!names.insert(name).second)
      report.add("parameter name '" + name + "' occurs twice");
  };
  for (size_t i = 0; i < sizeOf(bundle.parameters()) && !report.full(); ++i) {
    const bundle::Parameter &parameter = *bundle.parameters()->Get(i);
    std::string where = "parameter '" + parameter.name()->str() + "': ";
    claim(parameter.name()->str());
    for (size_t j = 0; j < sizeOf(parameter.aliases()); ++j)
      claim(parameter.aliases()->Get(j)->str());
    if (!isKnown(parameter.dtype())) {
      report.add(where + "unknown element type " + std::to_string(static_cast<int>(parameter.dtype())));
      continue;
    }
    std::optional<uint64_t> elements = countElements(parameter.shape(), parameter.dtype());
    if (!elements) {
      report.add(where + "the size of its shape overflows");
      continue;
    }
    verifyPlace(bundle, parameter, *elements, where, report);
    verifySource(bundle, parameter, *elements, where, report);
  }
  if (report.clean())
    verifyDisjoint(bundle, report);
}

} // namespace raddle::runtime::verify
