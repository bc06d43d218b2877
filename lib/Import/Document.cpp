#include "Document.h"

using namespace llvm;

namespace raddle::import {

static constexpr StringLiteral kProgram = "models/model.json";

/// Weights are read as they lie, so they have to be in this machine's order.
static Error checkByteOrder(const Archive &archive, StringRef prefix) {
  std::string entry = (prefix + "byteorder").str();
  if (!archive.sizeOf(entry))
    return Error::success();
  Expected<std::string> order = archive.read(entry);
  if (!order)
    return order.takeError();
  if (*order != "little")
    return createStringError(inconvertibleErrorCode(), "the byte order of the weights is '%.16s', expected 'little'",
                             order->c_str());
  return Error::success();
}

Expected<Program> readProgram(const Archive &archive) {
  Expected<std::string> prefix = archive.prefixOf(kProgram);
  if (!prefix)
    return prefix.takeError();
  Expected<std::string> json = archive.read((*prefix + kProgram).str());
  if (!json)
    return json.takeError();
  return parseProgram(*json);
}

Expected<Document> readDocument(const Archive &archive) {
  Expected<std::string> prefix = archive.prefixOf(kProgram);
  if (!prefix)
    return prefix.takeError();
  if (Error error = checkByteOrder(archive, *prefix))
    return std::move(error);
  Expected<Program> program = readProgram(archive);
  if (!program)
    return program.takeError();
  Document document;
  document.program = std::move(*program);
  for (auto [folder, name] : {std::pair("data/weights/", "model_weights_config.json"),
                              std::pair("data/constants/", "model_constants_config.json")}) {
    std::string path = *prefix + folder;
    Expected<std::string> table = archive.read(path + name);
    if (!table)
      return table.takeError();
    if (Error error = parseWeightTable(*table, path, document.weights))
      return std::move(error);
  }
  return std::move(document);
}

} // namespace raddle::import
