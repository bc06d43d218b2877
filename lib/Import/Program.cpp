#include "Program.h"
#include "ProgramReader.h"

using namespace llvm;

namespace raddle::import {

using Element = ProgramReader::Element;
using Object = ProgramReader::Object;

const Argument *Node::find(StringRef input) const {
  for (const NamedArgument &argument : inputs)
    if (argument.name == input)
      return &argument.value;
  return nullptr;
}

bool Node::isSymbolic() const {
  return all_of(outputs, [](const Argument &output) {
    using Kind = Argument::Kind;
    return output.kind != Kind::Tensor && output.kind != Kind::List && output.kind != Kind::Other;
  });
}

static Node readNode(ProgramReader &reader, Object object) {
  Node node;
  if (auto name = reader.optionalMember<StringRef>(object, "name", {"node", ""}))
    node.name = *name;
  Place place{"node", node.name};
  node.target = reader.member<StringRef>(object, "target", place);
  for (Element element : reader.items(object, "inputs", place)) {
    auto input = reader.as<Object>(element, "an input", place);
    NamedArgument argument;
    argument.name = reader.member<StringRef>(input, "name", place);
    argument.value = reader.argument(reader.member<Element>(input, "arg", place), place);
    if (reader.failed())
      return node;
    node.inputs.push_back(std::move(argument));
  }
  for (Element element : reader.items(object, "outputs", place)) {
    node.outputs.push_back(reader.argument(element, place));
    if (reader.failed())
      return node;
  }
  if (auto metadata = reader.optionalMember<Object>(object, "metadata", place))
    if (auto trace = reader.optionalMember<StringRef>(*metadata, "stack_trace", place))
      node.stackTrace = *trace;
  return node;
}

static void readGraph(ProgramReader &reader, Object graph, Program &program) {
  Place place{"graph", ""};
  for (Element element : reader.items(graph, "nodes", place)) {
    program.nodes.push_back(readNode(reader, reader.as<Object>(element, "a node", place)));
    if (reader.failed())
      return;
  }
  for (auto [name, value] : reader.fields(graph, "tensor_values", place)) {
    Place tensor{"tensor", name};
    auto object = reader.as<Object>(value, "a tensor", tensor);
    program.tensors[name] = reader.tensorMeta(object, tensor);
    if (reader.failed())
      return;
  }
  for (const char *key : {"sym_int_values", "sym_float_values"}) {
    if (!reader.optionalMember<Object>(graph, key, place))
      continue;
    for (auto [name, value] : reader.fields(graph, key, place)) {
      Place symbolic{"symbolic value", name};
      // Plain floating-point numbers occur where they are used; only expressions need the table.
      if (reader.unionMember(value, symbolic).first == "as_float")
        continue;
      program.symbolicValues[name] = reader.symbolicInt(value, symbolic);
      if (reader.failed())
        return;
    }
  }
}

static InputSpec readInput(ProgramReader &reader, Element element) {
  Place place{"signature", "input_specs"};
  auto [key, value] = reader.unionMember(element, place);
  InputSpec spec;
  auto object = reader.as<Object>(value, "an object", place);
  if (reader.failed())
    return spec;
  spec.name = key;
  if (key == "user_input") {
    Argument argument = reader.argument(reader.member<Element>(object, "arg", place), place);
    spec.placeholder = argument.text;
    if (argument.kind == Argument::Kind::Tensor)
      spec.kind = InputSpec::Kind::User;
    else if (argument.kind != Argument::Kind::SymbolicInt && argument.kind != Argument::Kind::Other)
      spec.kind = InputSpec::Kind::Literal;
    return spec;
  }
  if (key == "constant_input") {
    spec.kind = InputSpec::Kind::Literal;
    return spec;
  }
  const char *nameKey = nullptr;
  if (key == "parameter") {
    spec.kind = InputSpec::Kind::Parameter;
    nameKey = "parameter_name";
  } else if (key == "buffer") {
    spec.kind = InputSpec::Kind::Buffer;
    nameKey = "buffer_name";
    spec.persistent = reader.member<bool>(object, "persistent", place);
  } else if (key == "tensor_constant") {
    spec.kind = InputSpec::Kind::Constant;
    nameKey = "tensor_constant_name";
  } else {
    return spec;
  }
  spec.placeholder = reader.member<StringRef>(reader.member<Object>(object, "arg", place), "name", place);
  spec.name = reader.member<StringRef>(object, nameKey, place);
  return spec;
}

static OutputSpec readOutput(ProgramReader &reader, Element element) {
  Place place{"signature", "output_specs"};
  auto [key, value] = reader.unionMember(element, place);
  OutputSpec spec;
  auto object = reader.as<Object>(value, "an object", place);
  if (reader.failed())
    return spec;
  spec.name = key;
  if (key == "user_output" || key == "loss_output") {
    spec.kind = OutputSpec::Kind::User;
    auto argument = reader.member<Element>(object, "arg", place);
    if (key == "user_output") {
      spec.value = reader.argument(argument, place);
    } else {
      spec.value.kind = Argument::Kind::Tensor;
      spec.value.text = reader.member<StringRef>(reader.as<Object>(argument, "a tensor", place), "name", place);
    }
    return spec;
  }
  if (key == "buffer_mutation") {
    spec.kind = OutputSpec::Kind::Buffer;
    spec.name = reader.member<StringRef>(object, "buffer_name", place);
    spec.value.kind = Argument::Kind::Tensor;
    spec.value.text = reader.member<StringRef>(reader.member<Object>(object, "arg", place), "name", place);
    return spec;
  }
  for (const char *nameKey : {"parameter_name", "user_input_name"}) {
    if (auto name = reader.optionalMember<StringRef>(object, nameKey, place)) {
      spec.kind = OutputSpec::Kind::Mutation;
      spec.name = *name;
    }
  }
  return spec;
}

Expected<Program> parseProgram(StringRef json) {
  auto parser = std::make_shared<simdjson::dom::parser>();
  Program program;
  Element root;
  if (auto error = parser->parse(json.data(), json.size()).get(root))
    return createStringError(inconvertibleErrorCode(),
                             Twine("models/model.json is no JSON: ") + simdjson::error_message(error));
  program.document = parser;

  ProgramReader reader;
  Place top{"models/model.json", ""};
  auto object = reader.as<Object>(root, "an object", top);
  auto version = reader.member<Object>(object, "schema_version", top);
  auto major = reader.member<int64_t>(version, "major", top);
  constexpr int64_t kSchemaMajor = 8;
  if (!reader.failed() && major != kSchemaMajor)
    reader.fail("schema version is " + Twine(major) + ", expected " + Twine(kSchemaMajor), top);

  auto module = reader.member<Object>(object, "graph_module", top);
  auto graph = reader.member<Object>(module, "graph", top);
  auto signature = reader.member<Object>(module, "signature", top);
  if (reader.failed())
    return reader.takeError();
  readGraph(reader, graph, program);
  for (Element element : reader.items(signature, "input_specs", {"signature", ""}))
    program.inputs.push_back(readInput(reader, element));
  for (Element element : reader.items(signature, "output_specs", {"signature", ""}))
    program.outputs.push_back(readOutput(reader, element));
  if (reader.optionalMember<Object>(object, "range_constraints", top)) {
    for (auto [name, value] : reader.fields(object, "range_constraints", top)) {
      Place place{"range constraint", name};
      auto range = reader.as<Object>(value, "a range", place);
      program.ranges[name] = {reader.optionalMember<int64_t>(range, "min_val", place),
                              reader.optionalMember<int64_t>(range, "max_val", place)};
    }
  }
  if (reader.failed())
    return reader.takeError();
  return std::move(program);
}

} // namespace raddle::import
