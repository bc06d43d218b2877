#include "Program.h"
#include "ProgramReader.h"

using namespace llvm;

namespace raddle::import {

Error parseWeightTable(StringRef json, StringRef folder, WeightTable &table) {
  using Element = ProgramReader::Element;
  using Object = ProgramReader::Object;

  auto parser = std::make_shared<simdjson::dom::parser>();
  Element root;
  if (auto error = parser->parse(json.data(), json.size()).get(root))
    return createStringError(inconvertibleErrorCode(),
                             "the table in '" + folder + "' is no JSON: " + simdjson::error_message(error));
  table.documents.push_back(parser);

  ProgramReader reader;
  Place top{"weight table", folder};
  auto document = reader.as<Object>(root, "an object", top);
  for (auto [name, value] : reader.fields(document, "config", top)) {
    Place place{"weight", name};
    auto object = reader.as<Object>(value, "an object", place);
    WeightEntry entry;
    entry.entry = (folder + reader.member<StringRef>(object, "path_name", place)).str();
    bool pickled = reader.member<bool>(object, "use_pickle", place);
    if (!reader.failed() && pickled)
      reader.fail("its bytes are a Python pickle, expected plain ones: save a dense tensor", place);
    entry.meta = reader.tensorMeta(reader.member<Object>(object, "tensor_meta", place), place);
    if (!reader.failed() && entry.meta.sizes.size() != entry.meta.strides.size())
      reader.fail("it has " + Twine(entry.meta.sizes.size()) + " sizes and " + Twine(entry.meta.strides.size()) +
                      " strides",
                  place);
    if (reader.failed())
      break;
    table.entries[name] = std::move(entry);
  }
  return reader.takeError();
}

} // namespace raddle::import
