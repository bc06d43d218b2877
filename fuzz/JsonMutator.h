// Changes to JSON that keep it JSON.
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/JSON.h"
#include <string>

namespace raddle::fuzz {

/// As llvm::json::parse, whose recursion is bounded by the nesting of the text; refuses deep nesting before.
llvm::Expected<llvm::json::Value> parseJson(llvm::StringRef text);

/// For LLVMFuzzerCustomMutator: replaces, removes, doubles and exchanges some values of the document. Strings that
/// begin with "torch.ops." become one of `operators` now and then. Text that is no JSON is changed as bytes.
size_t mutateJson(uint8_t *data, size_t size, size_t maxSize, unsigned seed, llvm::ArrayRef<std::string> operators);

} // namespace raddle::fuzz
