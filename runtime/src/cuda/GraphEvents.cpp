#include "GraphEvents.h"

#include "GraphParts.h"

#include <algorithm>
#include <map>

namespace raddle::runtime::cuda {

namespace {

struct Node {
  GraphNode handle = nullptr;
  NodeType type = NodeType::Empty;
  std::vector<Node *> before, after;
  size_t position = 0; ///< In an order in which each node comes behind those that it depends on.
  size_t visit = 0;    ///< The last search that came here.
  bool programmatic = false;

  bool isWait() const { return type == NodeType::WaitEvent; }
  bool isRecord() const { return type == NodeType::RecordEvent; }
};

class EventRemover {
public:
  EventRemover(const Driver &cu, Graph graph) : cu(cu), graph(graph) {}

  bool read();
  uint64_t removeInner();

private:
  const Driver &cu;
  const Graph graph;
  std::vector<Node> nodes;
  std::vector<Node *> ordered;
  size_t searches = 0;

  void order();
  bool reaches(Node &from, const Node &to);
  bool areInARow(const std::vector<Node *> &nodesOfEvent);
  bool remove(Node &node);
};

} // namespace

bool EventRemover::read() {
  std::optional<std::vector<TypedNode>> found = nodesOf(cu, graph);
  if (!found)
    return false;
  nodes.resize(found->size());
  std::map<GraphNode, Node *> byHandle;
  bool hasEvents = false;
  for (size_t i = 0; i < nodes.size(); ++i) {
    nodes[i].handle = (*found)[i].handle;
    nodes[i].type = (*found)[i].type;
    hasEvents |= nodes[i].isWait() || nodes[i].isRecord();
    byHandle[nodes[i].handle] = &nodes[i];
  }
  std::optional<GraphEdges> edges;
  if (!hasEvents || !(edges = edgesOf(cu, graph)))
    return false;
  for (size_t i = 0; i < edges->from.size(); ++i) {
    Node &from = *byHandle.at(edges->from[i]), &to = *byHandle.at(edges->to[i]);
    from.after.push_back(&to);
    to.before.push_back(&from);
    from.programmatic |= edges->data[i].type != 0;
    to.programmatic |= edges->data[i].type != 0;
  }
  order();
  return true;
}

void EventRemover::order() {
  std::map<Node *, size_t> missing;
  for (Node &node : nodes)
    if ((missing[&node] = node.before.size()) == 0)
      ordered.push_back(&node);
  for (size_t i = 0; i < ordered.size(); ++i) {
    ordered[i]->position = i;
    for (Node *each : ordered[i]->after)
      if (--missing[each] == 0)
        ordered.push_back(each);
  }
}

bool EventRemover::reaches(Node &from, const Node &to) {
  std::vector<Node *> open = {&from};
  ++searches;
  while (!open.empty()) {
    Node *node = open.back();
    open.pop_back();
    if (node == &to)
      return true;
    for (Node *each : node->after)
      if (each->position <= to.position && each->visit != searches) {
        each->visit = searches;
        open.push_back(each);
      }
  }
  return false;
}

bool EventRemover::areInARow(const std::vector<Node *> &nodesOfEvent) {
  for (size_t i = 1; i < nodesOfEvent.size(); ++i)
    if (!reaches(*nodesOfEvent[i - 1], *nodesOfEvent[i]))
      return false;
  return true;
}

bool EventRemover::remove(Node &node) {
  std::vector<GraphNode> from, to;
  for (Node *before : node.before)
    for (Node *after : node.after)
      if (std::find(before->after.begin(), before->after.end(), after) == before->after.end()) {
        from.push_back(before->handle);
        to.push_back(after->handle);
        before->after.push_back(after);
        after->before.push_back(before);
      }
  if ((!from.empty() && cu.graphAddDependencies(graph, from.data(), to.data(), nullptr, from.size()) != 0) ||
      cu.graphDestroyNode(node.handle) != 0)
    return false;
  for (Node *before : node.before)
    before->after.erase(std::find(before->after.begin(), before->after.end(), &node));
  for (Node *after : node.after)
    after->before.erase(std::find(after->before.begin(), after->before.end(), &node));
  return true;
}

uint64_t EventRemover::removeInner() {
  std::map<Event, std::vector<Node *>> events;
  for (Node *node : ordered) {
    Event event = nullptr;
    if ((node->isWait() && cu.graphEventWaitNodeGetEvent(node->handle, &event) == 0) ||
        (node->isRecord() && cu.graphEventRecordNodeGetEvent(node->handle, &event) == 0))
      events[event].push_back(node);
  }
  uint64_t removed = 0;
  for (auto &[event, all] : events) {
    if (!areInARow(all))
      continue;
    auto last = std::find_if(all.rbegin(), all.rend(), [](const Node *node) { return node->isRecord(); });
    Node *first = all.front()->isWait() ? all.front() : nullptr, *final = last == all.rend() ? nullptr : *last;
    for (Node *node : all) {
      if (node == first || node == final || node->programmatic)
        continue;
      // A driver that refuses one refuses all: graphs that allocate memory are such.
      if (!remove(*node))
        return removed;
      ++removed;
    }
  }
  return removed;
}

uint64_t removeInnerEvents(const Driver &cu, Graph graph) {
  EventRemover remover(cu, graph);
  return remover.read() ? remover.removeInner() : 0;
}

} // namespace raddle::runtime::cuda
